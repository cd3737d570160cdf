package dev.aquifer.linux;

/**
 * What differs between the processor architectures of Linux: x86_64 and aarch64 are known, on any
 * other the first use fails.
 *
 * <p>Alike on both, and so written where they are used: numbers of system calls from 424 on, {@code
 * O_CLOEXEC}, {@code O_PATH}, all of fanotify and mount, and the first two fields of {@code struct
 * stat}.
 */
final class Architecture {
  static final int O_DIRECTORY;
  static final int O_LARGEFILE;

  static {
    String name = System.getProperty("os.arch", "");
    switch (name) {
      case "amd64" -> {
        O_DIRECTORY = 0x10000;
        O_LARGEFILE = 0x8000;
      }
      case "aarch64" -> {
        O_DIRECTORY = 0x4000;
        O_LARGEFILE = 0x20000;
      }
      default ->
          throw new UnsupportedOperationException(
              "processor architecture " + name + ": expected amd64 or aarch64");
    }
  }

  private Architecture() {}
}
