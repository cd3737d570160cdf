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
  static final int O_NOFOLLOW;

  // Numbers of system calls, as in asm/unistd.h.
  static final int CLOSE;
  static final int GETDENTS64;
  static final int LGETXATTR;
  static final int LLISTXATTR;
  static final int LSEEK;
  static final int OPENAT;
  static final int PREAD64;
  static final int READLINKAT;
  static final int STATX;

  static {
    String name = System.getProperty("os.arch", "");
    switch (name) {
      case "amd64" -> {
        O_DIRECTORY = 0x10000;
        O_LARGEFILE = 0x8000;
        O_NOFOLLOW = 0x20000;
        CLOSE = 3;
        GETDENTS64 = 217;
        LGETXATTR = 192;
        LLISTXATTR = 195;
        LSEEK = 8;
        OPENAT = 257;
        PREAD64 = 17;
        READLINKAT = 267;
        STATX = 332;
      }
      case "aarch64" -> {
        O_DIRECTORY = 0x4000;
        O_LARGEFILE = 0x20000;
        O_NOFOLLOW = 0x8000;
        CLOSE = 57;
        GETDENTS64 = 61;
        LGETXATTR = 9;
        LLISTXATTR = 12;
        LSEEK = 62;
        OPENAT = 56;
        PREAD64 = 67;
        READLINKAT = 78;
        STATX = 291;
      }
      default ->
          throw new UnsupportedOperationException(
              "processor architecture " + name + ": expected amd64 or aarch64");
    }
  }

  private Architecture() {}
}
