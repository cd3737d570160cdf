package dev.aquifer.cli;

import dev.aquifer.build.BuildResult;
import dev.aquifer.build.Encoding;
import dev.aquifer.build.ImageBuilder;
import dev.aquifer.build.PlainCopy;
import dev.aquifer.build.ReuseImage;
import dev.aquifer.build.SingleImage;
import dev.aquifer.build.SourceTree;
import dev.aquifer.image.ByteNames;
import dev.aquifer.input.LayerTree;
import dev.aquifer.input.Selection;
import dev.aquifer.input.TarOptions;
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

  @Option(
      names = "--force",
      description = "Replace what is at OUT, and where other files are to be written.")
  boolean force;

  @Option(
      names = "--order",
      paramLabel = "FILE",
      description =
          "A list of paths, one on a line, whose data shall lie first, in this order: what is read at a start then comes with few requests.")
  @Nullable Path order;

  /** What the order of data follows. */
  enum Sort {
    path,
    none
  }

  @Option(
      names = "--sort",
      paramLabel = "path|none",
      description =
          "The order of data in the image, but for what --order names. path: by directories and names, the default; none: as in the tar archive, or in the layers of the container image, the lowest first.")
  Sort sort = Sort.path;

  @Option(
      names = "--vmdk-desc",
      paramLabel = "FILE",
      description =
          "Also write a VMDK descriptor, by which a virtual machine sees the image and its devices as one disk. Means --single unless --tar says i. Must not exist, or see --force.")
  @Nullable Path vmdk;

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

  @Mixin PackingOptions packing = new PackingOptions();

  @Mixin EncodingOptions single = new EncodingOptions();

  @Mixin VolumeOptions volume = new VolumeOptions();

  @Mixin SelectionOptions selection = new SelectionOptions();

  @Override
  ExitCode run() throws IOException, FailedException {
    ImageBuilder builder = builder();
    boolean isOneFile =
        single.isSingle() || vmdk != null || input.isIndex() || input.isHeaderball();
    if (blobPerLayer && (!reuse.isEmpty() || isOneFile)) {
      throw usage(
          "--blob-per-layer is for image layouts without --reuse: expected neither --reuse nor an image of one file");
    }
    if (blobPerLayer && (order != null || sort != Sort.path)) {
      throw usage(
          "--blob-per-layer stores a layer alike: expected neither --order nor --sort=none");
    }
    if (input.isIndex()) {
      report(null, buildIndex(builder));
      return ExitCode.OK;
    }
    Encoding encoding = isOneFile ? encoding() : null;
    Selection selected = sound(selection::selection);
    BuildResult layout = null;
    SingleImage.Result file = null;
    try (OnSignal ignored = onSignal();
        PlainCopy copy = packing.create(force);
        SourceTree whole = sound(() -> input.open(source, reading(copy)));
        Progress progress = Progress.of(err(), "build")) {
      if (selection.aufs && whole instanceof LayerTree) {
        throw usage("--aufs is for one layer: those of a container image are merged already");
      }
      SourceTree tree = selection.of(whole, selected);
      ImageBuilder shown = withDescriptor(builder.plainCopy(copy), List.of());
      shown = quiet ? shown : shown.progress(progress::at);
      if (blobPerLayer) {
        shown = shown.blobPerLayer(layers(whole));
      }
      if (encoding != null) {
        file = buildFile(tree, shown.encoding(encoding));
      } else {
        layout = buildLayout(tree, shown);
      }
    }
    report(layout, file);
    return ExitCode.OK;
  }

  private SingleImage.Result buildIndex(ImageBuilder builder) throws IOException, FailedException {
    if (compression != null || !reuse.isEmpty() || single.isEncoded()) {
      throw usage(
          "--tar=i refers to data as it is in the archive: expected no -z, -E, --chunksize, --dsunit or the like, no --compression or --reuse, and blocks of 512 bytes");
    }
    Encoding encoding = encoding();
    Selection selected = sound(selection::selection);
    try (OnSignal ignored = onSignal();
        PlainCopy copy = packing.create(force);
        TarTree archive = sound(() -> input.openInPlace(source, reading(copy)));
        SourceTree tree = selection.of(archive, selected)) {
      Path device = copy == null ? Path.of(source) : copy.path();
      if (copy == null && Files.exists(output) && Files.isSameFile(output, device)) {
        throw usage(device + ": can't be the archive and its index: expected two names");
      }
      ImageBuilder described =
          withDescriptor(builder.encoding(encoding).plainCopy(copy), List.of(device));
      return sound(
          () -> described.buildIndex(tree, archive.archive(), DeviceTag.of(device), output));
    }
  }

  private ImageBuilder withDescriptor(ImageBuilder builder, List<Path> devices) {
    return vmdk == null ? builder : builder.vmdkDescriptor(vmdk, devices);
  }

  /** What can say that options do not go together. */
  private interface Step<T> {
    T run() throws IOException, FailedException;
  }

  /** Takes a step whose {@link IllegalArgumentException} is a fault of the command line. */
  private <T> T sound(Step<T> step) throws IOException, FailedException {
    try {
      return step.run();
    } catch (IllegalArgumentException e) {
      throw usage(String.valueOf(e.getMessage()));
    }
  }

  private TarOptions reading(@Nullable PlainCopy copy) {
    return packing.reading(BuildInput.place(output), copy);
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

  private Encoding encoding() throws IOException, FailedException {
    boolean isOfData = single.isOfData() || selection.inodeDigest != null;
    if (input.isHeaderball() && (isOfData || compression != null || !reuse.isEmpty())) {
      throw usage(
          "--tar=headerball makes an image without data: expected no -z, -C, --chunksize or the like, no --inode-digest, --compression or --reuse");
    }
    if (compression != null || !reuse.isEmpty()) {
      throw usage(
          "--compression and --reuse are for image layouts, but another option makes one file: expected neither; -z compresses it");
    }
    return sound(single::encoding);
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

  private SingleImage.Result buildFile(SourceTree tree, ImageBuilder builder)
      throws IOException, FailedException {
    Path blob = single.blob;
    if (input.isHeaderball()) {
      return sound(() -> builder.buildMetadata(tree, output));
    }
    return sound(
        () ->
            blob == null
                ? builder.buildFile(tree, output)
                : builder.buildFile(tree, output, blob, DeviceTag.of(blob)));
  }

  private BuildResult buildLayout(SourceTree tree, ImageBuilder builder)
      throws IOException, FailedException {
    List<ReuseImage> earlier = new ArrayList<>();
    try {
      for (Path image : reuse) {
        earlier.add(ReuseImage.open(image));
      }
      return sound(() -> builder.reuse(earlier).buildLayout(tree, output));
    } finally {
      for (ReuseImage image : earlier) {
        image.close();
      }
    }
  }

  /** Ends the build in order when the process is told to end. */
  private OnSignal onSignal() {
    return OnSignal.interrupt("building", output, single.blob, vmdk, packing.file());
  }

  private ImageBuilder builder() throws IOException {
    try {
      ImageBuilder builder =
          ImageBuilder.defaults()
              .force(force)
              .sourceOrder(sort == Sort.none)
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
