package dev.aquifer.blob;

import java.io.Closeable;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Deque;

/** Closes what was opened so far unless all went well. */
final class Opening implements Closeable {
  private final Deque<Closeable> opened = new ArrayDeque<>();

  <T extends Closeable> T add(T resource) {
    opened.push(resource);
    return resource;
  }

  /** All went well. */
  void keep() {
    opened.clear();
  }

  @Override
  public void close() throws IOException {
    IOException failure = null;
    for (Closeable resource : opened) {
      try {
        resource.close();
      } catch (IOException e) {
        failure = failure == null ? e : failure;
      }
    }
    opened.clear();
    if (failure != null) {
      throw failure;
    }
  }
}
