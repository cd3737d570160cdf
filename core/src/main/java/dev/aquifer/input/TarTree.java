package dev.aquifer.input;

import dev.aquifer.build.PlainCopy;
import dev.aquifer.image.FileType;
import dev.aquifer.io.ByteSource;
import dev.aquifer.io.Errno;
import dev.aquifer.io.RefusedException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * A tar archive as a tree: V7, ustar, GNU and pax, with sparse files of all four forms, extended
 * attributes, times in nanoseconds, hard links, devices, and names of any bytes.
 *
 * <p>The tree is what GNU tar makes of the archive in an empty directory: a later entry takes the
 * place of an earlier one, a directory over a directory changes it, and links on the way to a name
 * are followed (inside of the tree). A directory that no entry describes has mode 0755 and the
 * owner and time of the one it is in; a root without an entry belongs to root and is of 1970.
 * Numbers of users and groups count, their names don't; ACLs in the form of text are left out.
 *
 * <p>Data of a plain archive in a file is read where it lies. An archive that is compressed (gzip,
 * zstd, xz) or comes from a stream is copied once.
 */
public final class TarTree extends ItemTree {
  private static final String STANDARD_INPUT = "-";

  private final ByteSource archive;

  private TarTree(ByteSource archive) {
    super(archive.name());
    this.archive = archive;
  }

  /** As {@link #open(Path, TarOptions)}, however the archive is compressed. */
  public static TarTree open(Path file, Path place) throws IOException {
    return open(file, TarOptions.of(place));
  }

  /**
   * Opens an archive.
   *
   * @throws dev.aquifer.io.CorruptDataException if it is no tar archive, or is damaged or not whole
   * @throws dev.aquifer.io.UnsupportedFeatureException if it has entries of an unknown type or is
   *     compressed with something else
   * @throws RefusedException EINVAL, if it is not compressed as {@code options} say
   * @throws IllegalArgumentException if the plain copy would take the archive's place
   */
  public static TarTree open(Path file, TarOptions options) throws IOException {
    PlainCopy copy = options.plainCopy();
    if (copy != null && Files.exists(copy.path()) && Files.isSameFile(file, copy.path())) {
      throw new IllegalArgumentException(
          file + ": can't be the archive and its plain copy: expected two names");
    }
    if (!Files.isRegularFile(file) && Files.exists(file) && !Files.isDirectory(file)) {
      try (InputStream in = Files.newInputStream(file)) {
        return of(PlainData.copy(file.toString(), in, options), options.isHeaderball());
      }
    }
    ByteSource source = MarkedFile.open(file);
    try {
      ByteSource plain = PlainData.of(source, options);
      if (plain != source) {
        source.close();
      }
      return of(plain, options.isHeaderball());
    } catch (IOException | RuntimeException | Error e) {
      source.close();
      throw e;
    }
  }

  /**
   * As {@link #open(Path, Path)}, for an archive that is read where it lies.
   *
   * @throws RefusedException EINVAL, if it is compressed or no regular file
   */
  public static TarTree openInPlace(Path file) throws IOException {
    if (Files.exists(file) && !Files.isRegularFile(file)) {
      throw new RefusedException(
          Errno.EINVAL, file + ": is no regular file: expected a plain tar archive");
    }
    ByteSource source = MarkedFile.open(file);
    try {
      Compression compression = PlainData.compression(source);
      if (compression != Compression.NONE) {
        throw new RefusedException(
            Errno.EINVAL,
            "%s: is compressed with %s, so that nothing can refer to its data: expected a plain tar archive; unpack it first; --ungzip=FILE and --unxz=FILE do that for gzip and xz"
                .formatted(file, compression.name().toLowerCase(Locale.ROOT)));
      }
    } catch (IOException | RuntimeException | Error e) {
      source.close();
      throw e;
    }
    return of(source, false);
  }

  /** As {@link #read(InputStream, TarOptions)}, however the archive is compressed. */
  public static TarTree read(InputStream in, Path place) throws IOException {
    return read(in, TarOptions.of(place));
  }

  /** As {@link #open(Path, TarOptions)}, for a stream, which is read to its end and stays open. */
  public static TarTree read(InputStream in, TarOptions options) throws IOException {
    return of(PlainData.copy(STANDARD_INPUT, in, options), options.isHeaderball());
  }

  private static TarTree of(ByteSource archive, boolean isHeaderball) throws IOException {
    try {
      TarTree tree = new TarTree(archive);
      TarReader reader = new TarReader(archive, true, isHeaderball);
      Unpacking unpacking =
          new Unpacking(tree, isHeaderball ? new OmittedData(archive.name()) : archive);
      for (TarEntry entry = reader.next(); entry != null; entry = reader.next()) {
        List<Name> names = unpacking.names(entry);
        unpacking.add(entry, names);
      }
      return tree;
    } catch (IOException | RuntimeException | Error e) {
      archive.close();
      throw e;
    }
  }

  /**
   * The plain archive, where {@link dev.aquifer.build.SourceFile#archiveOffsetBytes} counts; usable
   * until this is closed.
   */
  @Override
  public ByteSource archive() {
    return archive;
  }

  /** The file at {@code path} below the root if it is a regular one, else null. */
  @Nullable ByteSource file(String path) throws IOException {
    List<Name> names = Name.split(path.getBytes(StandardCharsets.UTF_8));
    if (names.isEmpty()) {
      return null;
    }
    Item item = new Unpacking(this, archive).findFollowing(names);
    return item != null && item.type == FileType.REGULAR
        ? new ItemFile(name() + ": " + path, item, this)
        : null;
  }

  @Override
  public void close() throws IOException {
    archive.close();
  }
}
