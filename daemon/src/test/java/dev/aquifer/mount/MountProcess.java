package dev.aquifer.mount;

import dev.aquifer.blob.CacheStore;
import dev.aquifer.blob.Domains;
import dev.aquifer.blob.Fetcher;
import dev.aquifer.io.Failpoint;
import dev.aquifer.linux.Processes;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.locks.LockSupport;

/** A process that mounts one image and serves it until its input ends; or until it is killed. */
final class MountProcess {
  private MountProcess() {}

  /** Arguments: cache, run directory, source, target, options, and perhaps where to be killed. */
  public static void main(String[] arguments) throws Exception {
    if (arguments.length > 5) {
      Failpoint.set(place -> killAt(place, arguments[5]));
    }
    try (CacheStore store = CacheStore.open(Path.of(arguments[0]));
        Fetcher fetcher = new Fetcher();
        Mounts mounts =
            Mounts.open(new Domains(store, fetcher), Path.of(arguments[1]), List.of())) {
      if (mounts.status().isEmpty()) {
        mounts.mount(MountSpec.of(arguments[2], arguments[3], arguments[4], Path.of("/")));
      }
      System.out.println("mounted");
      while (System.in.read() >= 0) {}
    }
    System.out.println("ended");
  }

  private static void killAt(String place, String where) throws IOException {
    if (place.equals(where)) {
      Processes.kill(Processes.open((int) ProcessHandle.current().pid()));
      while (true) {
        LockSupport.park();
      }
    }
  }
}
