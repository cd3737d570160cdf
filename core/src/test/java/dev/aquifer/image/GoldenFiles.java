package dev.aquifer.image;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;

/**
 * One golden image as files, for tests of other packages.
 *
 * @param file the file system, from where it begins
 * @param devices its extra devices
 * @param manifest what Linux shows of it, by path
 */
public record GoldenFiles(
    Path file, List<Path> devices, SortedMap<String, Map<String, Object>> manifest) {
  /** Writes image {@code id} and its devices into {@code directory}. */
  public static GoldenFiles write(String id, Path directory) throws IOException {
    GoldenImages images = GoldenImages.ofResources();
    Path file = Files.write(directory.resolve(id + ".erofs"), images.bytes(id));
    List<Path> devices = new ArrayList<>();
    for (var device : images.devices(id)) {
      Path path = directory.resolve(device.name());
      devices.add(Files.write(path, device.readBytes(0, (int) device.sizeBytes())));
    }
    return new GoldenFiles(file, List.copyOf(devices), images.manifest(id));
  }
}
