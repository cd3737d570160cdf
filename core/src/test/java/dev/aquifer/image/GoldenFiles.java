package dev.aquifer.image;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.function.Supplier;

/**
 * One golden image as files, for tests of other packages.
 *
 * @param file the file system, from where it begins
 * @param devices its extra devices
 * @param manifest what Linux shows of it, by path
 */
public record GoldenFiles(
    Path file, List<Path> devices, SortedMap<String, Map<String, Object>> manifest) {
  private static final Supplier<GoldenImages> IMAGES = new Once();

  /** Reads the archive once. */
  private static final class Once implements Supplier<GoldenImages> {
    private GoldenImages images;

    @Override
    public synchronized GoldenImages get() {
      try {
        images = images == null ? GoldenImages.ofResources() : images;
        return images;
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  /** The names of all images. */
  public static List<String> ids() {
    return IMAGES.get().ids();
  }

  /** Writes image {@code id} and its devices into {@code directory}. */
  public static GoldenFiles write(String id, Path directory) throws IOException {
    GoldenImages images = IMAGES.get();
    Path file = Files.write(directory.resolve(id + ".erofs"), images.bytes(id));
    List<Path> devices = new ArrayList<>();
    for (var device : images.devices(id)) {
      Path path = directory.resolve(device.name());
      devices.add(Files.write(path, device.readBytes(0, (int) device.sizeBytes())));
    }
    return new GoldenFiles(file, List.copyOf(devices), images.manifest(id));
  }
}
