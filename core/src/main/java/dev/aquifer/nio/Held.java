package dev.aquifer.nio;

import java.io.Closeable;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/** What is to be closed, last added first. Safe for use by many threads; closing is idempotent. */
final class Held implements Closeable {
  private final Deque<Closeable> resources = new ArrayDeque<>(); // guarded by itself

  <T extends Closeable> T add(T resource) {
    synchronized (resources) {
      resources.push(resource);
    }
    return resource;
  }

  /** Closes everything, whatever fails on the way; throws the first failure. */
  @Override
  public void close() throws IOException {
    IOException first = null;
    for (Closeable resource = next(); resource != null; resource = next()) {
      try {
        resource.close();
      } catch (IOException | RuntimeException e) {
        if (first == null) {
          first = e instanceof IOException io ? io : new IOException(e.toString(), e);
        } else {
          first.addSuppressed(e);
        }
      }
    }
    if (first != null) {
      throw first;
    }
  }

  /** As {@link #close}, after {@code failure}, which is what matters. */
  void closeAfter(Throwable failure) {
    try {
      close();
    } catch (IOException | RuntimeException e) {
      failure.addSuppressed(e);
    }
  }

  private @Nullable Closeable next() {
    synchronized (resources) {
      return resources.poll();
    }
  }
}
