package dev.aquifer.cli;

import dev.aquifer.build.PlainCopy;
import dev.aquifer.input.Packing;
import dev.aquifer.input.TarOptions;
import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** How an archive is compressed, and where its plain form is kept, in the words of mkfs.erofs. */
final class PackingOptions {
  private static final String NO_FILE = "";

  @Option(
      names = "--ungzip",
      paramLabel = "FILE",
      arity = "0..1",
      fallbackValue = NO_FILE,
      preprocessor = AttachedOnly.class,
      description =
          "INPUT is a tar archive that is compressed with gzip; by default that is found out. With =FILE the plain archive is kept in FILE, to which --tar=i then refers; FILE must not exist, or see --force.")
  @Nullable String ungzip;

  @Option(
      names = "--unxz",
      paramLabel = "FILE",
      arity = "0..1",
      fallbackValue = NO_FILE,
      preprocessor = AttachedOnly.class,
      description = "As --ungzip, for xz.")
  @Nullable String unxz;

  /** Where the plain form is kept; null for nowhere. */
  @Nullable Path file() {
    String file = ungzip == null ? unxz : ungzip;
    return file == null || file.equals(NO_FILE) ? null : Path.of(file);
  }

  /** Makes the file that keeps the plain form; null for none. */
  @Nullable PlainCopy create(boolean force) throws IOException {
    Path file = file();
    return file == null ? null : PlainCopy.create(file, force);
  }

  /**
   * How to read the archive.
   *
   * @param place where a copy goes that is not kept
   * @throws IllegalArgumentException if the options exclude each other
   */
  TarOptions reading(Path place, @Nullable PlainCopy copy) {
    if (ungzip != null && unxz != null) {
      throw new IllegalArgumentException("--ungzip and --unxz exclude each other");
    }
    TarOptions reading = TarOptions.of(place);
    if (ungzip != null) {
      return reading.withPacking(Packing.GZIP, copy);
    }
    return unxz == null ? reading : reading.withPacking(Packing.XZ, copy);
  }
}
