package dev.aquifer.cli;

import static dev.aquifer.cli.LinuxTreeTest.run;

import java.io.Closeable;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** A mount of an image by the kernel alone, with its devices on loop devices. */
record DeviceMount(Path target, List<String> loops) implements Closeable {
  /** Mounts {@code image} on a new directory in {@code place}. */
  static DeviceMount of(Path image, List<Path> devices, Path place) throws Exception {
    List<String> loops = new ArrayList<>();
    DeviceMount mount = new DeviceMount(Files.createTempDirectory(place, "mount"), loops);
    try {
      StringBuilder options = new StringBuilder("ro");
      for (Path device : devices) {
        loops.add(run("losetup", "--find", "--show", "--read-only", device.toString()).strip());
        options.append(",device=").append(loops.getLast());
      }
      loops.add(run("losetup", "--find", "--show", "--read-only", image.toString()).strip());
      run("mount", "-t", "erofs", "-o", options.toString(), loops.getLast(), mount.target + "");
      return mount;
    } catch (Exception | Error e) {
      mount.detach();
      throw e;
    }
  }

  private void detach() throws Exception {
    for (String loop : loops) {
      run("losetup", "--detach", loop);
    }
  }

  @Override
  public void close() {
    try {
      run("umount", target.toString());
      detach();
    } catch (Exception e) {
      throw new AssertionError(e);
    }
  }
}
