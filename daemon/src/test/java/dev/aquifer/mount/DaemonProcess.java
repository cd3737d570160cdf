package dev.aquifer.mount;

import dev.aquifer.blob.CacheStore;
import dev.aquifer.blob.Domains;
import dev.aquifer.blob.Fetcher;
import dev.aquifer.io.RefusedException;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.stream.Collectors;

/**
 * A process that does as its input says, one line of answer for one line: {@code mount SOURCE
 * TARGET OPTIONS}, {@code umount TARGET}, {@code gc}, {@code status}. Its end is that of its input,
 * or to be killed.
 */
final class DaemonProcess {
  private DaemonProcess() {}

  /** Arguments: cache, run directory. */
  public static void main(String[] arguments) throws Exception {
    BufferedReader input =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    try (CacheStore store = CacheStore.open(Path.of(arguments[0]));
        Fetcher fetcher = new Fetcher()) {
      Domains domains = new Domains(store, fetcher);
      try (Mounts mounts = Mounts.open(domains, Path.of(arguments[1]), List.of())) {
        System.out.println("ready");
        for (String line = input.readLine(); line != null; line = input.readLine()) {
          System.out.println(answer(domains, mounts, line.split(" ", -1)));
        }
      }
    }
  }

  private static String answer(Domains domains, Mounts mounts, String[] words) {
    try {
      return switch (words[0]) {
        case "mount" -> {
          mounts.mount(MountSpec.of(words[1], words[2], words[3], Path.of("/")));
          yield "ok";
        }
        case "gc" -> {
          domains.collect(Duration.ZERO);
          yield "ok";
        }
        case "umount" -> mounts.umount(Path.of(words[1]), false) == null ? "ok" : "lingering";
        default ->
            mounts.status().stream()
                .map(mount -> mount.target() + "=" + mount.fsid())
                .sorted()
                .collect(Collectors.joining(" "));
      };
    } catch (RefusedException e) {
      return e.errno().toString();
    } catch (IOException e) {
      return "failed";
    }
  }
}
