package dev.aquifer.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.aquifer.build.Encoding;
import dev.aquifer.testing.Requires;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Where the kernel has the data of files right below a mounted image's root, but for what is
 * inline; as e2fsprogs' filefrag prints it.
 */
record MappedFiles(List<Extent> extents) {
  private static final int UNIT = 512;
  private static final Pattern EXTENT =
      Pattern.compile(" *([0-9]+): *([0-9]+)\\.\\. *[0-9]+: *([0-9]+)\\.\\. *[0-9]+: +[0-9]+:(.*)");

  /**
   * One run of data.
   *
   * @param isFirst whether the file has none before it
   * @param logicalBytes where it is in the file
   * @param physicalBytes where it is in the image, or in its device
   */
  record Extent(boolean isFirst, long logicalBytes, long physicalBytes) {}

  static MappedFiles of(Path mounted) throws Exception {
    Requires.tool("filefrag");
    List<String> command = new ArrayList<>(List.of("filefrag", "-v", "-b" + UNIT));
    try (Stream<Path> files = Files.list(mounted)) {
      files.filter(Files::isRegularFile).forEach(file -> command.add(file.toString()));
    }
    List<Extent> extents = new ArrayList<>();
    for (String line : LinuxTreeTest.run(command.toArray(String[]::new)).lines().toList()) {
      Matcher matcher = EXTENT.matcher(line);
      // Of what is inline bytes are printed.
      if (matcher.matches() && !matcher.group(4).contains("inline")) {
        extents.add(
            new Extent(
                matcher.group(1).equals("0"),
                Long.parseLong(matcher.group(2)) * UNIT,
                Long.parseLong(matcher.group(3)) * UNIT));
      }
    }
    return new MappedFiles(extents);
  }

  /** Says whether data lies as {@link Encoding#withDataAlignment} has it. */
  void assertAligned(Encoding encoding) {
    if (encoding.spacing().dataBlocks() <= 1) {
      return;
    }
    long unit = (long) encoding.spacing().dataBlocks() << encoding.blockBits();
    for (Extent extent : extents) {
      // Of clusters there may be any number after the first.
      if (extent.isFirst || encoding.compression() == null) {
        assertThat((extent.physicalBytes - extent.logicalBytes) % unit)
            .as("%s, %s", extent, encoding)
            .isZero();
      }
    }
  }
}
