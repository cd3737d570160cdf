package dev.aquifer.mount;

import dev.aquifer.io.Errno;
import dev.aquifer.io.RefusedException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The options of a mount, as {@code -o} of {@code aquifer mount}, {@code mount(8)} and {@code
 * fstab(5)} give them.
 *
 * @param domainId the domain to join; null for a name space of the mount's own
 * @param fsid the mount's name in its domain; null to derive it from the mount point
 * @param devices the blob files or URLs of an image made by other tools, in device order
 * @param mirrors further origins that have the same image, the preferred ones first
 * @param prefetch what is fetched ahead of readers
 * @param flags what the kernel is told about the mount beside read-only
 * @param erofs options that the kernel's EROFS is given as they are
 */
public record MountOptions(
    @Nullable String domainId,
    @Nullable String fsid,
    List<String> devices,
    List<String> mirrors,
    Prefetch prefetch,
    Set<KernelFlag> flags,
    List<String> erofs) {

  /** No options. */
  public static final MountOptions NONE =
      new MountOptions(null, null, List.of(), List.of(), Prefetch.DEFAULT, Set.of(), List.of());

  /** Copies the collections. */
  public MountOptions {
    devices = List.copyOf(devices);
    mirrors = List.copyOf(mirrors);
    flags = Set.copyOf(flags);
    erofs = List.copyOf(erofs);
  }

  /**
   * Reads a comma-separated list of options. Of generic options the later one wins; {@code device=}
   * and {@code mirror=} add up; {@code domain_id}, {@code fsid} and {@code prefetch} may not be
   * given with two values. A value with a comma in it stands in double quotes.
   *
   * @throws RefusedException EINVAL, naming the option, if it is unknown, empty, contradicts
   *     another or may not be used
   */
  public static MountOptions parse(String text) throws RefusedException {
    return new OptionParser().parse(text);
  }

  /**
   * The form that {@link #parse} reads, without devices and mirrors, whose names it can't always
   * hold.
   */
  String text() {
    List<String> options = new ArrayList<>();
    if (domainId != null) {
      options.add("domain_id=" + domainId);
    }
    if (fsid != null) {
      options.add("fsid=" + fsid);
    }
    options.add("prefetch=" + prefetch);
    flags.stream().sorted().forEach(flag -> options.add(flag.name().toLowerCase(Locale.ROOT)));
    options.addAll(erofs);
    return String.join(",", options);
  }

  /** The same with other devices and mirrors. */
  MountOptions with(List<String> otherDevices, List<String> otherMirrors) {
    return new MountOptions(domainId, fsid, otherDevices, otherMirrors, prefetch, flags, erofs);
  }

  static RefusedException refused(String why) {
    return new RefusedException(Errno.EINVAL, why);
  }
}
