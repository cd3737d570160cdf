package dev.aquifer.mount;

import dev.aquifer.blob.CacheStore;
import dev.aquifer.blob.Domains;
import dev.aquifer.blob.Fetcher;
import java.nio.file.Path;

/** A process that mounts one image and serves it until its input ends; or until it is killed. */
final class MountProcess {
  private MountProcess() {}

  /** Arguments: cache, run directory, source, target, options. */
  public static void main(String[] arguments) throws Exception {
    try (CacheStore store = CacheStore.open(Path.of(arguments[0]));
        Fetcher fetcher = new Fetcher();
        Mounts mounts = Mounts.open(new Domains(store, fetcher), Path.of(arguments[1]))) {
      mounts.mount(MountSpec.of(arguments[2], arguments[3], arguments[4], Path.of("/")));
      System.out.println("mounted");
      while (System.in.read() >= 0) {}
    }
    System.out.println("ended");
  }
}
