package dev.aquifer.input;

import dev.aquifer.io.Errno;
import dev.aquifer.io.RefusedException;
import java.util.Locale;

/** How an archive must be compressed, where that is not found out but known. */
public enum Packing {
  GZIP(Compression.GZIP),
  XZ(Compression.XZ);

  private final Compression compression;

  Packing(Compression compression) {
    this.compression = compression;
  }

  /**
   * Checks that an archive is compressed so.
   *
   * @throws RefusedException EINVAL, if not; {@code name} is what the message calls it
   */
  void check(String name, Compression found) throws RefusedException {
    if (found != compression) {
      throw new RefusedException(
          Errno.EINVAL,
          "%s: is %s: expected an archive that is compressed with %s"
              .formatted(
                  name,
                  found == Compression.NONE
                      ? "not compressed"
                      : "compressed with " + text(found.name()),
                  text(name())));
    }
  }

  private static String text(String name) {
    return name.toLowerCase(Locale.ROOT);
  }
}
