package dev.aquifer.mount;

import dev.aquifer.io.Sha256;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.regex.Pattern;

/**
 * The name of a mount whose user gave none: made of its mount point, so that it is the same each
 * time.
 */
final class Fsid {
  private static final Pattern PLAIN = Pattern.compile("/[A-Za-z0-9_@-][A-Za-z0-9._@/-]{0,126}");
  private static final int MAX_KEPT_CHARS = 100;

  private Fsid() {}

  /**
   * {@code /mnt/b} gives {@code mnt:b}. Where that would be no valid name, or two mount points
   * could give the same, what is valid is kept and part of a digest of the mount point added.
   */
  static String of(Path target) {
    String path = target.toString();
    String name = path.substring(1).replace('/', ':');
    if (PLAIN.matcher(path).matches()) {
      return name;
    }
    String kept = name.replaceAll("[^A-Za-z0-9._:@-]", "_").replaceAll("^\\.+", "");
    String digest = Sha256.hash(path.getBytes(StandardCharsets.UTF_8)).hex();
    return (kept.isEmpty() ? "root" : kept.substring(0, Math.min(kept.length(), MAX_KEPT_CHARS)))
        + "-"
        + digest.substring(0, 8);
  }
}
