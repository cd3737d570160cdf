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
  static final int FCHMOD;
  static final int FCHMODAT;
  static final int FCHOWN;
  static final int FCHOWNAT;
  static final int FSETXATTR;
  static final int FTRUNCATE;
  static final int GETDENTS64;
  static final int LGETXATTR;
  static final int LINKAT;
  static final int LLISTXATTR;
  static final int LSEEK;
  static final int LSETXATTR;
  static final int MKDIRAT;
  static final int MKNODAT;
  static final int OPENAT;
  static final int PREAD64;
  static final int PWRITE64;
  static final int READLINKAT;
  static final int STATX;
  static final int SYMLINKAT;
  static final int UTIMENSAT;

  static {
    String name = System.getProperty("os.arch", "");
    switch (name) {
      case "amd64" -> {
        O_DIRECTORY = 0x10000;
        O_LARGEFILE = 0x8000;
        O_NOFOLLOW = 0x20000;
        CLOSE = 3;
        FCHMOD = 91;
        FCHMODAT = 268;
        FCHOWN = 93;
        FCHOWNAT = 260;
        FSETXATTR = 190;
        FTRUNCATE = 77;
        GETDENTS64 = 217;
        LGETXATTR = 192;
        LINKAT = 265;
        LLISTXATTR = 195;
        LSEEK = 8;
        LSETXATTR = 189;
        MKDIRAT = 258;
        MKNODAT = 259;
        OPENAT = 257;
        PREAD64 = 17;
        PWRITE64 = 18;
        READLINKAT = 267;
        STATX = 332;
        SYMLINKAT = 266;
        UTIMENSAT = 280;
      }
      case "aarch64" -> {
        O_DIRECTORY = 0x4000;
        O_LARGEFILE = 0x20000;
        O_NOFOLLOW = 0x8000;
        CLOSE = 57;
        FCHMOD = 52;
        FCHMODAT = 53;
        FCHOWN = 55;
        FCHOWNAT = 54;
        FSETXATTR = 7;
        FTRUNCATE = 46;
        GETDENTS64 = 61;
        LGETXATTR = 9;
        LINKAT = 37;
        LLISTXATTR = 12;
        LSEEK = 62;
        LSETXATTR = 6;
        MKDIRAT = 34;
        MKNODAT = 33;
        OPENAT = 56;
        PREAD64 = 67;
        PWRITE64 = 68;
        READLINKAT = 78;
        STATX = 291;
        SYMLINKAT = 36;
        UTIMENSAT = 88;
      }
      default ->
          throw new UnsupportedOperationException(
              "processor architecture " + name + ": expected amd64 or aarch64");
    }
  }

  private Architecture() {}
}
