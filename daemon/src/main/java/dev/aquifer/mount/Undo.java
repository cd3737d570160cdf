package dev.aquifer.mount;

import java.io.Closeable;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Deque;

/**
 * What is to be released, last taken first: when a mount fails half way, and when it ends.
 *
 * <p>Confined to one thread at a time.
 */
final class Undo implements Closeable {
  private final Deque<Closeable> taken = new ArrayDeque<>();

  /** Notes something that was taken. */
  <T extends Closeable> T add(T resource) {
    taken.push(resource);
    return resource;
  }

  /** Releases everything, whatever fails on the way; throws the first failure. */
  @Override
  public void close() throws IOException {
    Throwable first = null;
    while (!taken.isEmpty()) {
      try {
        taken.pop().close();
      } catch (Throwable e) {
        if (first == null) {
          first = e;
        } else {
          first.addSuppressed(e);
        }
      }
    }
    if (first != null) {
      throw new IOException("not everything could be released: " + Denial.reason(first), first);
    }
  }

  /** As {@link #close}, after {@code failure}, which is what matters. */
  void closeAfter(Throwable failure) {
    try {
      close();
    } catch (IOException e) {
      failure.addSuppressed(e);
    }
  }
}
