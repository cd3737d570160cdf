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
import org.jspecify.annotations.Nullable;
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

  @Option(names = "--force", description = "Replace what is at OUT, and at FILE of --vmdk-desc.")
  boolean force;

  @Option(
      names = "--vmdk-desc",
      paramLabel = "FILE",
      description =
          "Also write a VMDK descriptor, by which a virtual machine sees the image and its devices as one disk. Must not exist, or see --force.")
  @Nullable Path vmdk;

  @Option(
      names = "--device",
      paramLabel = "FILE",
      description =
          "For --vmdk-desc: the file of a device of an IMAGE that has some, once for each, in their order.")
  List<Path> devices = new ArrayList<>();

  @Mixin VolumeOptions volume = new VolumeOptions();

  @Override
  ExitCode run() throws IOException, FailedException {
    if (images.size() < 2) {
      throw usage("one image: expected two or more, the lowest layer first");
    }
    if (vmdk == null && !devices.isEmpty()) {
      throw usage("--device is for --vmdk-desc, which names the files of devices");
    }
    List<OpenedImage> opened = new ArrayList<>();
    try (OnSignal ignored = OnSignal.interrupt("building", output, vmdk)) {
      ImageBuilder builder =
          ImageBuilder.defaults().force(force).uuid(volume.uuid()).volumeName(volume.label);
      List<ImageMerge.Layer> layers = new ArrayList<>();
      for (Path path : images) {
        checkImage(path);
        OpenedImage image = OpenedImage.open(path.toString(), OpenOptions.DEFAULT);
        opened.add(image);
        layers.add(new ImageMerge.Layer(image.image(), Files.size(path), DeviceTag.of(path)));
      }
      if (vmdk != null) {
        builder = builder.vmdkDescriptor(vmdk, files(layers));
      }
      new BuildReport(out()).print(output, builder.buildMerged(layers, output));
    } catch (IllegalArgumentException e) {
      throw usage(String.valueOf(e.getMessage()));
    } finally {
      for (OpenedImage image : opened) {
        image.close();
      }
    }
    return ExitCode.OK;
  }

  private void checkImage(Path path) throws IOException, FailedException {
    if (!Files.isRegularFile(path)) {
      throw new FailedException(
          ExitCode.FAILED,
          path
              + (Files.exists(path)
                  ? ": is no regular file: expected an EROFS image in one file"
                  : ": no such file or directory"));
    }
    if (Files.exists(output) && Files.isSameFile(output, path)) {
      throw usage(path + ": can't be an image and what is made of it: expected two names");
    }
  }

  /** The files that become devices: the images, or in place of one that has devices those. */
  private List<Path> files(List<ImageMerge.Layer> layers) {
    List<Path> files = new ArrayList<>();
    int used = 0;
    for (int i = 0; i < layers.size(); i++) {
      int count = layers.get(i).image().deviceSlots().size();
      if (count == 0) {
        files.add(images.get(i));
      } else if (used + count > devices.size()) {
        throw usage(
            "%s: has devices, %d of them: expected --device with the file of each"
                .formatted(images.get(i), count));
      } else {
        files.addAll(devices.subList(used, used + count));
        used += count;
      }
    }
    if (used < devices.size()) {
      throw usage(
          "--device %s: expected %d, as many as the images have"
              .formatted(devices.get(used), used));
    }
    return files;
  }
}
