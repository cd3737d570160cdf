package dev.aquifer.mount;

import java.io.IOException;
import java.net.URLDecoder;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;

/**
 * What a successor must know of this process: a small text file in the run directory, one for each
 * keeper, replaced as a whole before a mount can be seen and after it is gone.
 *
 * <pre>
 * aquifer-mounts 1
 * boot 0f0b…                                (of /proc/sys/kernel/random/boot_id)
 * keeper 4711 123456                        (process, when it started)
 * mount erofs-7 0:45 %2Fmnt%2Fa             (kernel's name, device, mount point)
 * file %2Fvar%2Fcache%2Faquifer%2F…%2Fdata  (data file of a mount)
 * </pre>
 *
 * @param bootId the machine's start that it is about
 * @param keeperPid the keeper
 * @param keeperStartTicks when it started
 * @param mounts the file systems that the kernel may still have
 * @param files the data files that they read
 */
record StateFile(
    String bootId, int keeperPid, long keeperStartTicks, List<Entry> mounts, List<Path> files) {
  private static final String PREFIX = "mounts-";
  private static final String MAGIC = "aquifer-mounts 1";
  private static final Path BOOT_ID = Path.of("/proc/sys/kernel/random/boot_id");

  /** One file system. */
  record Entry(String kernelName, String device, Path target) {}

  static String currentBootId() throws IOException {
    return Files.readString(BOOT_ID).strip();
  }

  /** The files that processes left in {@code runDirectory}. */
  static List<Path> find(Path runDirectory) throws IOException {
    try (var paths = Files.newDirectoryStream(runDirectory, PREFIX + "*")) {
      List<Path> files = new ArrayList<>();
      paths.forEach(files::add);
      return files;
    }
  }

  /** What {@code file} says. */
  static StateFile read(Path file) throws IOException {
    List<String> lines = Files.readAllLines(file);
    if (lines.isEmpty() || !lines.get(0).equals(MAGIC)) {
      throw unreadable(file, "its first line");
    }
    try {
      return parse(file, lines.subList(1, lines.size()));
    } catch (NumberFormatException e) {
      throw unreadable(file, Denial.reason(e));
    }
  }

  private static StateFile parse(Path file, List<String> lines) throws IOException {
    String bootId = "";
    int keeperPid = 0;
    long keeperStartTicks = 0;
    List<Entry> mounts = new ArrayList<>();
    List<Path> files = new ArrayList<>();
    for (String line : lines) {
      String[] words = line.split(" ");
      switch (words[0] + words.length) {
        case "boot2" -> bootId = words[1];
        case "keeper3" -> {
          keeperPid = Integer.parseInt(words[1]);
          keeperStartTicks = Long.parseLong(words[2]);
        }
        case "mount4" -> mounts.add(new Entry(words[1], words[2], decode(words[3])));
        case "file2" -> files.add(decode(words[1]));
        default -> throw unreadable(file, "'" + line + "'");
      }
    }
    return new StateFile(bootId, keeperPid, keeperStartTicks, mounts, files);
  }

  private static IOException unreadable(Path file, String what) {
    return new IOException(
        "%s: %s: is not known: expected what this version writes; unmount what it names, then remove it"
            .formatted(file, what));
  }

  /** Replaces the file. */
  void write(Path runDirectory) throws IOException {
    List<String> lines = new ArrayList<>();
    lines.add(MAGIC);
    lines.add("boot " + bootId);
    lines.add("keeper " + keeperPid + " " + keeperStartTicks);
    for (Entry mount : mounts) {
      lines.add(
          "mount " + mount.kernelName() + " " + mount.device() + " " + encode(mount.target()));
    }
    for (Path data : files) {
      lines.add("file " + encode(data));
    }
    // A draft must not be taken for a state.
    Path draft = runDirectory.resolve(".draft");
    Files.write(draft, lines);
    Files.move(draft, path(runDirectory, keeperPid), StandardCopyOption.ATOMIC_MOVE);
  }

  /** Where it is. */
  static Path path(Path runDirectory, int keeperPid) {
    return runDirectory.resolve(PREFIX + keeperPid);
  }

  private static String encode(Path path) {
    return URLEncoder.encode(path.toString(), StandardCharsets.UTF_8);
  }

  private static Path decode(String text) {
    return Path.of(URLDecoder.decode(text, StandardCharsets.UTF_8));
  }
}
