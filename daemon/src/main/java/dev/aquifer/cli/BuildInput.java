package dev.aquifer.cli;

import dev.aquifer.blob.ObjectUrl;
import dev.aquifer.build.ImageTree;
import dev.aquifer.build.SourceTree;
import dev.aquifer.format.ImageManifest;
import dev.aquifer.image.Superblock;
import dev.aquifer.input.LayerTree;
import dev.aquifer.input.Platform;
import dev.aquifer.input.TarOptions;
import dev.aquifer.input.TarTree;
import dev.aquifer.nio.OpenedImage;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** What an image is built from, and how that is found out. */
final class BuildInput {
  static final String DESCRIPTION =
      "What the image shall hold: a directory; a tar archive (also with gzip, zstd or xz), or - for one on standard input; an OCI image layout or an archive of docker save; an EROFS image, also by its URL.";

  private static final String STANDARD_INPUT = "-";

  /** The kinds of input. */
  enum Kind {
    dir,
    tar,
    oci,
    docker,
    erofs
  }

  @Option(
      names = "--input",
      paramLabel = "dir|tar|oci|docker|erofs",
      description = "What INPUT is. Default: what it looks like.")
  @Nullable Kind kind;

  @Option(
      names = "--tar",
      paramLabel = "f|i|headerball",
      description =
          "INPUT is a tar archive, as --input tar says, too. f: make a full image; i: an index, one file of metadata that refers to the plain archive, its device, for all data; headerball: INPUT has the headers of files without their data, and so has the image: a layer of overlayfs, which takes the data from a layer below. Each file that is not empty needs the attribute trusted.overlay.metacopy.")
  @Nullable String tar;

  @Option(
      names = "--platform",
      paramLabel = "OS/ARCH",
      description =
          "Of a container image for several platforms, this one. Default: the only one, or linux on this processor.")
  @Nullable String platform;

  @Option(
      names = "--image",
      paramLabel = "NAME",
      description = "Of several container images, the one of this name.")
  @Nullable String image;

  @Mixin ImageOptions options = new ImageOptions();

  private Kind found = Kind.dir;

  /**
   * Opens the input.
   *
   * @param reading how an archive is read
   * @throws IllegalArgumentException if the options have no meaning
   */
  SourceTree open(String reference, TarOptions reading) throws IOException, FailedException {
    LayerTree.Wanted wanted =
        new LayerTree.Wanted(
            image, platform == null ? null : Platform.parse(platform), reading.place());
    Kind given = given();
    TarOptions archived = isHeaderball() ? reading.ofHeaders() : reading;
    if (archived.packing() != null) {
      return archive(given, packed(reference, archived), wanted);
    }
    if (reference.equals(STANDARD_INPUT)) {
      return archive(given, TarTree.read(standardInput(), archived), wanted);
    }
    if (ObjectUrl.isUrl(reference) || given == Kind.erofs) {
      return erofs(reference);
    }
    Path path = existing(reference);
    if (Files.isDirectory(path)) {
      return directory(given, path, wanted);
    }
    if (given == null && Files.isRegularFile(path) && isErofs(path)) {
      return erofs(reference);
    }
    if (given == Kind.dir) {
      throw new FailedException(ExitCode.FAILED, path + ": is no directory");
    }
    return archive(given, TarTree.open(path, archived), wanted);
  }

  private static Path existing(String reference) throws FailedException {
    Path path = Path.of(reference);
    if (!Files.exists(path)) {
      throw new FailedException(ExitCode.FAILED, path + ": no such file or directory");
    }
    return path;
  }

  /** Where copies go that are needed while {@code output} is made. */
  static Path place(Path output) {
    Path parent = output.toAbsolutePath().normalize().getParent();
    return parent == null ? output : parent;
  }

  /** Opens what must be an archive. */
  private TarTree packed(String reference, TarOptions reading) throws IOException, FailedException {
    if (reference.equals(STANDARD_INPUT)) {
      return TarTree.read(standardInput(), reading);
    }
    if (ObjectUrl.isUrl(reference) || kind == Kind.dir || kind == Kind.erofs) {
      throw new IllegalArgumentException(
          "--ungzip and --unxz are for archives: expected a file, or - for standard input");
    }
    Path path = existing(reference);
    if (Files.isDirectory(path)) {
      throw new FailedException(ExitCode.FAILED, path + ": is a directory: expected a tar archive");
    }
    return TarTree.open(path, reading);
  }

  /** Whether the image shall refer to the archive for its data. */
  boolean isIndex() {
    return "i".equals(tar);
  }

  /** Whether the archive has no data of files. */
  boolean isHeaderball() {
    return "headerball".equals(tar);
  }

  /**
   * Opens the archive that an index is made of.
   *
   * @throws IllegalArgumentException if the options have no meaning
   */
  TarTree openInPlace(String reference, TarOptions reading) throws IOException, FailedException {
    Kind unused = given();
    if (reading.packing() != null) {
      if (reading.plainCopy() == null) {
        throw new IllegalArgumentException(
            "--tar=i refers to the plain archive, which must be kept: expected --ungzip=FILE or --unxz=FILE");
      }
      found = Kind.tar;
      return packed(reference, reading);
    }
    if (reference.equals(STANDARD_INPUT) || ObjectUrl.isUrl(reference)) {
      throw new FailedException(
          ExitCode.FAILED,
          "%s: an index refers to the archive's file, and this is none: expected the path of a plain tar archive"
              .formatted(reference));
    }
    Path path = existing(reference);
    found = Kind.tar;
    return TarTree.openInPlace(path);
  }

  /** What the input that was opened last is. */
  Kind found() {
    return found;
  }

  private SourceTree found(Kind what, SourceTree tree) {
    found = what;
    return tree;
  }

  private @Nullable Kind given() {
    if (tar == null) {
      return kind;
    }
    if (!tar.equals("f") && !isIndex() && !isHeaderball()) {
      throw new IllegalArgumentException(
          "invalid value for option '--tar': '%s': expected f, i or headerball".formatted(tar));
    }
    if (kind != null && kind != Kind.tar) {
      throw new IllegalArgumentException(
          "--tar=%s and --input %s exclude each other".formatted(tar, kind));
    }
    return Kind.tar;
  }

  private SourceTree directory(@Nullable Kind given, Path path, LayerTree.Wanted wanted)
      throws IOException, FailedException {
    boolean isLayout =
        Files.isRegularFile(path.resolve("oci-layout"))
            && Files.isRegularFile(path.resolve("index.json"));
    return switch (given) {
      case dir -> found(Kind.dir, LinuxTree.open(path));
      case oci -> found(Kind.oci, LayerTree.ofLayout(path, wanted));
      case docker -> found(Kind.docker, LayerTree.ofDocker(path, wanted));
      case erofs -> erofs(path.toString());
      case tar ->
          throw new FailedException(
              ExitCode.FAILED, path + ": is a directory: expected a tar archive");
      case null -> {
        if (!isLayout) {
          yield found(Kind.dir, LinuxTree.open(path));
        }
        yield isOurs(path)
            ? erofs(path.toString())
            : found(Kind.oci, LayerTree.ofLayout(path, wanted));
      }
    };
  }

  /** Whether an image layout holds what this program builds, and not layers. */
  private static boolean isOurs(Path layout) throws IOException {
    // Whatever is wrong with it, the one who opens it then says so.
    byte[] index = Files.readAllBytes(layout.resolve("index.json"));
    try {
      Path manifest = layout.resolve(ImageManifest.parseIndex(layout.toString(), index).path());
      return Files.isRegularFile(manifest)
          && Files.size(manifest) <= ImageManifest.MAX_JSON_BYTES
          && Files.readString(manifest).contains(ImageManifest.BOOTSTRAP_TYPE);
    } catch (IOException e) {
      return false;
    }
  }

  private SourceTree archive(@Nullable Kind given, TarTree archive, LayerTree.Wanted wanted)
      throws IOException {
    try {
      return switch (given) {
        case oci -> found(Kind.oci, LayerTree.ofLayout(archive, wanted));
        case docker -> found(Kind.docker, LayerTree.ofDocker(archive, wanted));
        case tar -> found(Kind.tar, archive);
        case dir, erofs ->
            throw new IllegalArgumentException(
                "--input %s: can't be read from a stream".formatted(given));
        case null -> {
          if (LayerTree.isLayout(archive)) {
            yield found(Kind.oci, LayerTree.ofLayout(archive, wanted));
          }
          yield LayerTree.isDocker(archive)
              ? found(Kind.docker, LayerTree.ofDocker(archive, wanted))
              : found(Kind.tar, archive);
        }
      };
    } catch (IOException | RuntimeException | Error e) {
      archive.close();
      throw e;
    }
  }

  private SourceTree erofs(String reference) throws IOException {
    OpenedImage opened = options.open(reference);
    return found(Kind.erofs, ImageTree.of(opened.image(), opened));
  }

  private boolean isErofs(Path file) throws IOException {
    ByteBuffer magic = ByteBuffer.allocate(Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    try (FileChannel channel = FileChannel.open(file)) {
      channel.read(magic, options.offsetBytes + Superblock.POSITION_BYTES);
    }
    return magic.flip().remaining() == Integer.BYTES
        && Integer.toUnsignedLong(magic.getInt()) == Superblock.MAGIC;
  }

  /** Standard input in a way that a signal can interrupt. */
  private static InputStream standardInput() {
    return Channels.newInputStream(new FileInputStream(FileDescriptor.in).getChannel());
  }
}
