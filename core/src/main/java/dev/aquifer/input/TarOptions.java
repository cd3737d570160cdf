package dev.aquifer.input;

import dev.aquifer.build.PlainCopy;
import dev.aquifer.io.RefusedException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * How a {@link TarTree} is opened.
 *
 * @param place where a copy goes if need be: a directory, or a path below one; nothing is left
 *     there
 * @param packing how the archive must be compressed; null for what it looks like, plain included
 * @param plainCopy what keeps the plain archive, and is read in its place; it stays the caller's,
 *     to be closed after the tree; null for none
 */
public record TarOptions(
    Path place, @Nullable Packing packing, @Nullable PlainCopy plainCopy, boolean isHeaderball) {
  /** Checks that a copy is wanted only of what is compressed. */
  public TarOptions {
    if (packing == null && plainCopy != null) {
      throw new IllegalArgumentException(
          plainCopy.path() + ": a plain copy is of a compressed archive: expected a packing");
    }
  }

  /** What is usual. */
  public static TarOptions of(Path place) {
    return new TarOptions(place, null, null, false);
  }

  /** For an archive that is compressed so; {@code copy} keeps its plain form, or is null. */
  public TarOptions withPacking(Packing form, @Nullable PlainCopy copy) {
    return new TarOptions(place, form, copy, isHeaderball);
  }

  /** For an archive without data. */
  public TarOptions ofHeaders() {
    return new TarOptions(place, packing, plainCopy, true);
  }

  /** Checks how the archive is compressed, see {@link Packing#check}. */
  void check(String name, Compression found) throws RefusedException {
    if (packing != null) {
      packing.check(name, found);
    }
  }
}
