package dev.aquifer.mount;

import dev.aquifer.linux.Descriptors;
import dev.aquifer.linux.MountCalls;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;

/** A kernel mount by hand, without {@link Mounts}. Closing unmounts it. */
record TestMount(Path target, String kernelName) implements Closeable {
  static TestMount of(Path bootstrap, List<Integer> deviceFds, List<String> options, Path target)
      throws IOException {
    return attach(KernelMount.create(bootstrap.toString(), deviceFds, Set.of(), options), target);
  }

  static TestMount attach(KernelMount kernel, Path target) throws IOException {
    int fd = Descriptors.openDirectory(target);
    try (kernel) {
      kernel.attach(fd, target);
      return new TestMount(target, kernel.kernelName());
    } finally {
      Descriptors.close(fd);
    }
  }

  @Override
  public void close() throws IOException {
    MountCalls.umount(target, true);
  }
}
