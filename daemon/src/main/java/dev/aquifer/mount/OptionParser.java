package dev.aquifer.mount;

import dev.aquifer.io.RefusedException;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Reads the text of mount options; used once. Confined to one thread. */
final class OptionParser {
  /** Every option that is known, as a message shows them. */
  static final String KNOWN =
      "domain_id=, fsid=, device=, mirror=, prefetch=, directio, cache_strategy=, [no]user_xattr, [no]acl, "
          + "ro, [no]suid, [no]dev, [no]exec, [no]atime, [no]diratime, [no]relatime, [no]strictatime, "
          + "[no]symfollow, defaults, [no]auto, nofail, _netdev, user, users, owner, group, comment=, x-*";

  /**
   * What mount(8), fstab(5) and systemd say to themselves, or what changes nothing on a read-only
   * file system. mount(8) passes {@code rw} when nobody said anything, so {@code rw} is no wish to
   * write.
   */
  private static final Set<String> WITHOUT_EFFECT =
      Set.of(
          "ro",
          "rw",
          "defaults",
          "auto",
          "noauto",
          "nofail",
          "_netdev",
          "nouser",
          "nousers",
          "noowner",
          "nogroup",
          "async",
          "sync",
          "dirsync",
          "silent",
          "loud",
          "lazytime",
          "nolazytime",
          "norelatime");

  private static final Map<String, KernelFlag> SETS =
      Map.of(
          "nosuid", KernelFlag.NOSUID,
          "nodev", KernelFlag.NODEV,
          "noexec", KernelFlag.NOEXEC,
          "noatime", KernelFlag.NOATIME,
          "nodiratime", KernelFlag.NODIRATIME,
          "strictatime", KernelFlag.STRICTATIME,
          "nosymfollow", KernelFlag.NOSYMFOLLOW);

  private static final Map<String, KernelFlag> CLEARS =
      Map.of(
          "suid", KernelFlag.NOSUID,
          "dev", KernelFlag.NODEV,
          "exec", KernelFlag.NOEXEC,
          "atime", KernelFlag.NOATIME,
          "nostrictatime", KernelFlag.STRICTATIME,
          "diratime", KernelFlag.NODIRATIME,
          "symfollow", KernelFlag.NOSYMFOLLOW);

  private static final Set<String> VALUED =
      Set.of("domain_id", "fsid", "device", "mirror", "prefetch", "cache_strategy");

  private static final Set<String> EROFS =
      Set.of("directio", "user_xattr", "nouser_xattr", "acl", "noacl");

  private final Map<String, String> single = new HashMap<>();
  private final List<String> devices = new ArrayList<>();
  private final List<String> mirrors = new ArrayList<>();
  private final List<String> erofs = new ArrayList<>();
  private final EnumSet<KernelFlag> flags = EnumSet.noneOf(KernelFlag.class);

  MountOptions parse(String text) throws RefusedException {
    for (String option : split(text)) {
      int equals = option.indexOf('=');
      if (equals < 0) {
        plain(option);
      } else {
        valued(option.substring(0, equals), unquote(option.substring(equals + 1)));
      }
    }
    String prefetch = single.get("prefetch");
    return new MountOptions(
        single.get("domain_id"),
        single.get("fsid"),
        devices,
        mirrors,
        prefetch == null ? Prefetch.DEFAULT : Prefetch.parse(prefetch),
        flags,
        erofs);
  }

  /** Cuts at commas outside double quotes; empty pieces, as in "ro,,nodev", mean nothing. */
  private static List<String> split(String text) throws RefusedException {
    List<String> options = new ArrayList<>();
    StringBuilder option = new StringBuilder();
    boolean quoted = false;
    for (char c : (text + ",").toCharArray()) {
      quoted ^= c == '"';
      if (c != ',' || quoted) {
        option.append(c);
      } else if (!option.isEmpty()) {
        options.add(option.toString());
        option.setLength(0);
      }
    }
    if (quoted) {
      throw MountOptions.refused("mount options '" + text + "': a double quote is not closed");
    }
    return options;
  }

  private static String unquote(String value) {
    return value.length() >= 2 && value.startsWith("\"") && value.endsWith("\"")
        ? value.substring(1, value.length() - 1)
        : value;
  }

  private void plain(String name) throws RefusedException {
    KernelFlag set = SETS.get(name);
    KernelFlag cleared = CLEARS.get(name);
    if (set != null) {
      flags.add(set);
      flags.remove(excludedBy(set));
    } else if (name.equals("relatime")) {
      flags.removeAll(EnumSet.of(KernelFlag.NOATIME, KernelFlag.STRICTATIME));
    } else if (cleared != null) {
      flags.remove(cleared);
    } else if (EROFS.contains(name)) {
      erofs.add(name);
    } else if (!WITHOUT_EFFECT.contains(name) && !isComment(name) && !impliesFlags(name)) {
      throw refusedPlain(name);
    }
  }

  /** The kernel takes one way of keeping access times. */
  private static @Nullable KernelFlag excludedBy(KernelFlag flag) {
    return switch (flag) {
      case NOATIME -> KernelFlag.STRICTATIME;
      case STRICTATIME -> KernelFlag.NOATIME;
      case NOSUID, NODEV, NOEXEC, NODIRATIME, NOSYMFOLLOW -> null;
    };
  }

  /** As mount(8) says: who lets others mount, does not trust what is in there. */
  private boolean impliesFlags(String name) {
    switch (name) {
      case "user", "users" -> {
        flags.add(KernelFlag.NOSUID);
        flags.add(KernelFlag.NODEV);
        flags.add(KernelFlag.NOEXEC);
        return true;
      }
      case "owner", "group" -> {
        flags.add(KernelFlag.NOSUID);
        flags.add(KernelFlag.NODEV);
        return true;
      }
      default -> {
        return false;
      }
    }
  }

  private static RefusedException refusedPlain(String name) {
    return switch (name) {
      case "remount" ->
          MountOptions.refused(
              "mount option remount: the identity of a mount never changes: unmount it and mount it anew");
      case "domain_id", "fsid", "device", "mirror", "prefetch", "cache_strategy" ->
          MountOptions.refused("mount option " + name + ": has no value: expected " + name + "=…");
      default -> unknown(name);
    };
  }

  private void valued(String name, String value) throws RefusedException {
    if (isComment(name) || name.equals("comment") || name.equals("user")) {
      if (name.equals("user")) {
        impliesFlags(name);
      }
      return;
    }
    if (!VALUED.contains(name)) {
      throw unknown(name);
    }
    if (value.isEmpty()) {
      throw MountOptions.refused("mount option " + name + "=: its value is empty");
    }
    switch (name) {
      case "device" -> devices.addAll(devices(value));
      case "mirror" -> mirrors.add(value);
      case "cache_strategy" -> erofs.add(name + "=" + cacheStrategy(value));
      default -> single(name, value);
    }
  }

  private void single(String name, String value) throws RefusedException {
    @Nullable String before = single.put(name, value);
    if (before != null && !before.equals(value)) {
      throw MountOptions.refused(
          "mount option %s: given as '%s' and as '%s': expected one value"
              .formatted(name, before, value));
    }
  }

  /** Colons separate paths; a URL has colons of its own and is taken whole. */
  private static List<String> devices(String value) throws RefusedException {
    if (MountSpec.isUrl(value)) {
      return List.of(value);
    }
    List<String> paths = List.of(value.split(":", -1));
    if (paths.contains("")) {
      throw MountOptions.refused("mount option device='" + value + "': one of its paths is empty");
    }
    return paths;
  }

  private static String cacheStrategy(String value) throws RefusedException {
    if (!Set.of("disabled", "readahead", "readaround").contains(value)) {
      throw MountOptions.refused(
          "mount option cache_strategy='%s': expected disabled, readahead or readaround"
              .formatted(value));
    }
    return value;
  }

  private static boolean isComment(String name) {
    return name.startsWith("x-") || name.startsWith("X-");
  }

  private static RefusedException unknown(String name) {
    return MountOptions.refused("mount option '" + name + "': is not known; known are " + KNOWN);
  }
}
