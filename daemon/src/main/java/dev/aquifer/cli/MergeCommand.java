package dev.aquifer.cli;

import dev.aquifer.build.ImageBuilder;
import dev.aquifer.build.ImageMerge;
import dev.aquifer.nio.OpenOptions;
import dev.aquifer.nio.OpenedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Makes one image of several, which become its devices. */
@CommandLine.Command(
    name = "merge",
    description =
        "Make one image of several that lie one over the other as layers: directories are merged, of anything else the later one is seen, whiteouts and opaque directories of overlayfs hide what is below. The images become devices of the new one, which has metadata alone.",
    sortOptions = false)
final class MergeCommand extends Command {
  @Parameters(
      paramLabel = "IMAGE",
      arity = "1..*",
      description =
          "Files with EROFS images that are not compressed, the lowest layer first. Of an image with devices of its own, such as a tar index, those are the new one's.")
  List<Path> images = new ArrayList<>();

  @Option(
      names = {"-o", "--output"},
      paramLabel = "OUT",
      required = true,
      description = "Where the image goes; must not exist, or see --force.")
  Path output = Path.of("");

  @Option(names = "--force", description = "Replace an image that is at OUT.")
  boolean force;

  @Mixin VolumeOptions volume = new VolumeOptions();

  @Override
  ExitCode run() throws IOException, FailedException {
    if (images.size() < 2) {
      throw usage("one image: expected two or more, the lowest layer first");
    }
    ImageBuilder builder = builder();
    List<OpenedImage> opened = new ArrayList<>();
    try (OnSignal ignored = OnSignal.interrupt("." + output.getFileName() + ".building-*")) {
      List<ImageMerge.Layer> layers = new ArrayList<>();
      for (Path path : images) {
        if (!Files.isRegularFile(path)) {
          throw new FailedException(
              ExitCode.FAILED,
              path
                  + (Files.exists(path)
                      ? ": is no regular file: expected an EROFS image in one file"
                      : ": no such file or directory"));
        }
        OpenedImage image = OpenedImage.open(path.toString(), OpenOptions.DEFAULT);
        opened.add(image);
        layers.add(new ImageMerge.Layer(image.image(), Files.size(path), DeviceTag.of(path)));
      }
      new BuildReport(out()).print(output, builder.buildMerged(layers, output));
    } finally {
      for (OpenedImage image : opened) {
        image.close();
      }
    }
    return ExitCode.OK;
  }

  private ImageBuilder builder() {
    try {
      return ImageBuilder.defaults().force(force).uuid(volume.uuid()).volumeName(volume.label);
    } catch (IllegalArgumentException e) {
      throw usage(String.valueOf(e.getMessage()));
    }
  }
}
