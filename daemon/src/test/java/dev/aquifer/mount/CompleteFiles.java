package dev.aquifer.mount;

import dev.aquifer.linux.Fanotify;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Serves files in which nothing is missing, but which say that something is, so that they stay
 * marked: for measuring what the event itself costs. Ends with its standard input.
 */
public final class CompleteFiles {
  private CompleteFiles() {}

  public static void main(String[] paths) throws IOException {
    List<Closeable> watches = new ArrayList<>();
    try (Fanotify group = Fanotify.open();
        FanotifyServer server = FanotifyServer.start(group, "aquifer-events")) {
      for (String path : paths) {
        watches.add(server.watch(new MarkedFile(Path.of(path)), Prefetch.NONE));
      }
      System.out.println("ready");
      while (System.in.read() >= 0) {}
      for (Closeable watch : watches) {
        watch.close();
      }
    }
  }

  private record MarkedFile(Path path, long sizeBytes) implements LazyFile {
    MarkedFile(Path path) throws IOException {
      this(path, Files.size(path));
    }

    @Override
    public String name() {
      return path.toString();
    }

    @Override
    public boolean isPresent(long offsetBytes, long lengthBytes) {
      return true;
    }

    @Override
    public void ensure(long offsetBytes, long lengthBytes) {}

    @Override
    public boolean isComplete() {
      return false;
    }

    @Override
    public void whenComplete(Runnable action) {}

    @Override
    public void prefetch(Prefetch prefetch) {}
  }
}
