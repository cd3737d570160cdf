package dev.aquifer.cli;

import dev.aquifer.build.BuildResult;
import dev.aquifer.build.Encoding;
import dev.aquifer.build.ImageBuilder;
import dev.aquifer.build.ReuseImage;
import dev.aquifer.build.SingleImage;
import dev.aquifer.build.SourceTree;
import dev.aquifer.image.ByteNames;
import dev.aquifer.input.LayerTree;
import dev.aquifer.input.Selection;
import dev.aquifer.input.TarTree;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Builds an image. */
@CommandLine.Command(
    name = "build",
    description =
        "Build an image from a directory, a tar archive, a container image or another EROFS image: as an OCI image layout, or in one file.",
    sortOptions = false)
final class BuildCommand extends Command {
  private static final Pattern COMPRESSION = Pattern.compile("none|zstd(?::([0-9]{1,2}))?");
  private static final int MAX_ZSTD_LEVEL = 19;
  private static final int USUAL_ZSTD_LEVEL = 3;

  @Parameters(paramLabel = "INPUT", description = BuildInput.DESCRIPTION)
  String source = "";

  @Option(
      names = {"-o", "--output"},
      paramLabel = "OUT",
      required = true,
      description = "Where the image goes; must not exist, or see --force.")
  Path output = Path.of("");

  @Option(
      names = "--reuse",
      paramLabel = "IMAGE",
      description =
          "An earlier image (a layout) whose blobs the new one refers to instead of storing the same data again. May be given several times.")
  List<Path> reuse = new ArrayList<>();

  @Option(
      names = "--blob-per-layer",
      description =
          "Of a container image: keep the data of each layer in a blob of its own, which is the same in all images that have the layer. Layers are read twice.")
  boolean blobPerLayer;

  @Option(
      names = "--compression",
      paramLabel = "none|zstd[:N]",
      description = "How spans are stored; N is 1 (fast) to 19 (small). Default: zstd:3.")
  @Nullable String compression;

  @Option(names = "--force", description = "Replace an image that is at OUT.")
  boolean force;

  @Option(
      names = "--order",
      paramLabel = "FILE",
      description =
          "A list of paths, one on a line, whose data shall lie first, in this order: what is read at a start then comes with few requests.")
  @Nullable Path order;

  @Option(names = "--json", description = "Print one JSON object.")
  boolean json;

  @Option(names = "--quiet", description = "Print nothing but errors.")
  boolean quiet;

  @Option(
      names = {"--threads", "--workers"},
      paramLabel = "N",
      description = "How many threads read, hash and compress. Default: one for each processor.")
  @Nullable Integer threads;

  @Mixin BuildInput input = new BuildInput();

  @Mixin EncodingOptions single = new EncodingOptions();

  @Mixin VolumeOptions volume = new VolumeOptions();

  @Mixin SelectionOptions selection = new SelectionOptions();

  @Override
  ExitCode run() throws IOException, FailedException {
    ImageBuilder builder = builder();
    if (blobPerLayer && (!reuse.isEmpty() || single.isSingle() || input.isIndex())) {
      throw usage(
          "--blob-per-layer is for image layouts without --reuse: expected neither --reuse nor an image of one file");
    }
    if (input.isIndex()) {
      report(null, buildIndex(builder));
      return ExitCode.OK;
    }
    Encoding encoding = single.isSingle() ? encoding() : null;
    Selection selected = selected();
    BuildResult layout = null;
    SingleImage.Result file = null;
    try (OnSignal ignored = OnSignal.interrupt(leftover());
        SourceTree whole = open();
        Progress progress = Progress.of(err(), "build")) {
      if (selection.aufs && whole instanceof LayerTree) {
        throw usage("--aufs is for one layer: those of a container image are merged already");
      }
      SourceTree tree = selection.of(whole, selected);
      ImageBuilder shown = quiet ? builder : builder.progress(progress::at);
      if (blobPerLayer) {
        shown = shown.blobPerLayer(layers(whole));
      }
      if (encoding != null) {
        Path blob = single.blob;
        file =
            blob == null
                ? shown.encoding(encoding).buildFile(tree, output)
                : build(tree, blob, encoding, shown);
      } else {
        layout = build(tree, shown);
      }
    }
    report(layout, file);
    return ExitCode.OK;
  }

  private SingleImage.Result build(
      SourceTree tree, Path blob, Encoding encoding, ImageBuilder builder) throws IOException {
    try {
      return builder.encoding(encoding).buildFile(tree, output, blob, DeviceTag.of(blob));
    } catch (IllegalArgumentException e) {
      throw usage(String.valueOf(e.getMessage()));
    }
  }

  private SingleImage.Result buildIndex(ImageBuilder builder) throws IOException, FailedException {
    if (compression != null || !reuse.isEmpty() || single.isEncoded()) {
      throw usage(
          "--tar=i refers to data as it is in the archive: expected no -z, -E, --chunksize, --dsunit or the like, no --compression or --reuse, and blocks of 512 bytes");
    }
    Encoding encoding = encoding();
    Selection selected = selected();
    try (OnSignal ignored = OnSignal.interrupt(leftover());
        TarTree archive = openInPlace();
        SourceTree tree = selection.of(archive, selected)) {
      return builder
          .encoding(encoding)
          .buildIndex(tree, archive.archive(), DeviceTag.of(Path.of(source)), output);
    }
  }

  private TarTree openInPlace() throws IOException, FailedException {
    try {
      return input.openInPlace(source);
    } catch (IllegalArgumentException e) {
      throw usage(String.valueOf(e.getMessage()));
    }
  }

  /** Tells of the one of both that was built. */
  private void report(@Nullable BuildResult layout, SingleImage.@Nullable Result file) {
    if (quiet) {
      return;
    }
    BuildReport text = new BuildReport(out());
    BuildJson object = new BuildJson(source, input.found(), output);
    if (layout != null && json) {
      out().println(object.of(layout, blobPerLayer));
    } else if (layout != null) {
      text.print(output, layout);
    } else if (file != null && json) {
      out().println(object.of(file));
    } else if (file != null) {
      text.print(output, file);
    }
  }

  private Encoding encoding() throws IOException {
    if (compression != null || !reuse.isEmpty()) {
      throw usage("--compression and --reuse are for image layouts: expected -z for one file");
    }
    try {
      return single.encoding();
    } catch (IllegalArgumentException e) {
      throw usage(String.valueOf(e.getMessage()));
    }
  }

  private List<SourceTree> layers(SourceTree tree) throws IOException, FailedException {
    if (tree instanceof LayerTree container) {
      return container.layers();
    }
    throw new FailedException(
        ExitCode.FAILED,
        "%s: has no layers: with --blob-per-layer expected a container image, as an OCI image layout or an archive of docker save"
            .formatted(source));
  }

  private SourceTree open() throws IOException, FailedException {
    try {
      return input.open(source, output);
    } catch (IllegalArgumentException e) {
      throw usage(String.valueOf(e.getMessage()));
    }
  }

  private Selection selected() throws IOException {
    try {
      return selection.selection();
    } catch (IllegalArgumentException e) {
      throw usage(String.valueOf(e.getMessage()));
    }
  }

  private BuildResult build(SourceTree tree, ImageBuilder builder) throws IOException {
    List<ReuseImage> earlier = new ArrayList<>();
    try {
      for (Path image : reuse) {
        earlier.add(ReuseImage.open(image));
      }
      return builder.reuse(earlier).buildLayout(tree, output);
    } finally {
      for (ReuseImage image : earlier) {
        image.close();
      }
    }
  }

  /** What is there if something hangs and the build can't end. */
  private String leftover() {
    String image = "." + output.getFileName() + ".building-*";
    Path blob = single.blob;
    return blob == null ? image : image + " and ." + blob.getFileName() + ".building-*";
  }

  private ImageBuilder builder() throws IOException {
    try {
      ImageBuilder builder =
          ImageBuilder.defaults()
              .force(force)
              .xattrs(selection.takesXattrs())
              .xattrPrefixes(selection.xattrPrefixes)
              .inodeDigest(selection.inodeDigest)
              .timestamp(selection.timestamp())
              .uuid(volume.uuid())
              .volumeName(volume.label);
      if (compression != null) {
        builder = builder.zstdLevel(zstdLevel(compression));
      }
      if (order != null) {
        builder = builder.order(lines(order));
      }
      return threads == null ? builder : builder.threads(threads);
    } catch (IllegalArgumentException | java.time.DateTimeException e) {
      throw usage(String.valueOf(e.getMessage()));
    }
  }

  /** Names are bytes, in whatever character set. */
  private static List<String> lines(Path file) throws IOException {
    if (Files.isDirectory(file)) {
      throw new IOException(file + ": is a directory: expected a list of paths");
    }
    byte[] bytes = Files.readAllBytes(file);
    List<String> lines = new ArrayList<>();
    int from = 0;
    for (int at = 0; at <= bytes.length; at++) {
      if (at == bytes.length || bytes[at] == '\n') {
        if (at > from) {
          lines.add(ByteNames.toText(Arrays.copyOfRange(bytes, from, at)));
        }
        from = at + 1;
      }
    }
    return lines;
  }

  private int zstdLevel(String text) {
    Matcher matcher = COMPRESSION.matcher(text);
    if (matcher.matches()) {
      if (text.equals("none")) {
        return 0;
      }
      int level = matcher.group(1) == null ? USUAL_ZSTD_LEVEL : Integer.parseInt(matcher.group(1));
      if (level >= 1 && level <= MAX_ZSTD_LEVEL) {
        return level;
      }
    }
    throw usage(
        "invalid value for option '--compression': '%s': expected none, zstd, or zstd:1 to zstd:%d"
            .formatted(text, MAX_ZSTD_LEVEL));
  }
}
