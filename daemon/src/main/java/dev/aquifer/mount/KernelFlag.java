package dev.aquifer.mount;

import dev.aquifer.linux.MountCalls;

/** What the kernel is told about a mount, beside that it is read-only. */
public enum KernelFlag {
  /** Set-user-id bits have no effect. */
  NOSUID(MountCalls.ATTR_NOSUID),
  /** Device nodes can't be opened. */
  NODEV(MountCalls.ATTR_NODEV),
  /** Programs can't be run. */
  NOEXEC(MountCalls.ATTR_NOEXEC),
  /** Access times are not touched; they never are on EROFS, this is for show. */
  NOATIME(MountCalls.ATTR_NOATIME),
  /** Access times are touched on each access; for show, too. */
  STRICTATIME(MountCalls.ATTR_STRICTATIME),
  /** Access times of directories are not touched; for show, too. */
  NODIRATIME(MountCalls.ATTR_NODIRATIME),
  /** Symbolic links are not followed. */
  NOSYMFOLLOW(MountCalls.ATTR_NOSYMFOLLOW);

  private final int attribute;

  KernelFlag(int attribute) {
    this.attribute = attribute;
  }

  /** The bit that {@code fsmount(2)} takes. */
  int attribute() {
    return attribute;
  }
}
