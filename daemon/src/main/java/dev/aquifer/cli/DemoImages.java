package dev.aquifer.cli;

import dev.aquifer.build.BuildResult;
import dev.aquifer.build.ImageBuilder;
import dev.aquifer.build.ReuseImage;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.zip.CRC32;

/**
 * The two images of the demo: the JDK that runs it, and the same JDK with an application and some
 * changed files.
 *
 * @param first what was built first
 * @param second what was built second
 */
record DemoImages(BuildResult first, BuildResult second) {
  static final String FIRST = "jdk";
  static final String SECOND = "jdk-app";

  private static final int DATA_FILES = 4;
  private static final int DATA_BYTES = 512 << 10;
  private static final List<String> CHANGED = List.of("release", "conf/net.properties");

  /** Builds both into {@code images}; {@code changes} is where the second one's changes are put. */
  static DemoImages build(Path jdk, Path changes, Path images) throws IOException {
    ImageBuilder builder = ImageBuilder.defaults();
    BuildResult first;
    try (LinuxTree tree = LinuxTree.open(jdk)) {
      first = builder.buildLayout(tree, images.resolve(FIRST));
    }
    change(jdk, changes);
    try (ReuseImage reuse = ReuseImage.open(images.resolve(FIRST));
        OverlayTree tree = new OverlayTree(LinuxTree.open(jdk), LinuxTree.open(changes))) {
      BuildResult second = builder.reuse(List.of(reuse)).buildLayout(tree, images.resolve(SECOND));
      return new DemoImages(first, second);
    }
  }

  /** What all objects of an image weigh: what a full download of it costs. */
  static long objectBytes(BuildResult image) {
    return image.bootstrapBytes()
        + image.blobs().stream().mapToLong(BuildResult.Blob::objectBytes).sum();
  }

  private static void change(Path jdk, Path changes) throws IOException {
    for (String name : CHANGED) {
      Path file = jdk.resolve(name);
      if (Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
        Path changed = changes.resolve(name);
        Files.createDirectories(changed.getParent());
        Files.writeString(changed, Files.readString(file) + "# changed for the demo\n");
      }
    }
    Path app = Files.createDirectories(changes.resolve("app"));
    String classFile = DemoProgram.class.getName().replace('.', '/') + ".class";
    Path program = app.resolve("classes").resolve(classFile);
    Files.createDirectories(program.getParent());
    try (InputStream in = DemoProgram.class.getClassLoader().getResourceAsStream(classFile)) {
      if (in == null) {
        throw new IOException(classFile + ": is not where this program's classes are");
      }
      Files.copy(in, program);
    }
    // The same data each time, so that the demo's numbers can be compared.
    Random random = new Random(1);
    StringBuilder sums = new StringBuilder();
    for (int i = 1; i <= DATA_FILES; i++) {
      byte[] data = new byte[DATA_BYTES];
      random.nextBytes(data);
      String name = "data-" + i + ".bin";
      Files.write(app.resolve(name), data);
      CRC32 checksum = new CRC32();
      checksum.update(data);
      sums.append(Long.toHexString(checksum.getValue())).append(' ').append(name).append('\n');
    }
    Files.writeString(app.resolve("CHECKSUMS"), sums);
  }
}
