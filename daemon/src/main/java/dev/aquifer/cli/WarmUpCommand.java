package dev.aquifer.cli;

import dev.aquifer.build.BuildResult;
import dev.aquifer.build.ImageBuilder;
import dev.aquifer.daemon.Daemon;
import dev.aquifer.daemon.ErrorText;
import dev.aquifer.daemon.Places;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.Option;

/**
 * Does a little of all that a start-up cache is for, so that the JVM sees which classes that needs:
 * the {@code aquifer} script records such a run as each of its caches. Leaves nothing behind.
 *
 * <p>The images among the resources have numbers in lines, and were made by mkfs.erofs 1.9.3 with
 * {@code -T0} and {@code --all-root}: the plain one of half of the tree that the others have, which
 * were made with {@code -zlz4} and {@code -zzstd -C65536}.
 */
@CommandLine.Command(
    name = "warm-up",
    hidden = true,
    description = "Do a little of everything, to record a start-up cache.")
final class WarmUpCommand extends Command {
  private static final int DIRECTORIES = 10;
  private static final int FILES = 50;
  private static final List<String> FORMS = List.of("plain", "lz4", "zstd");

  /** So that the JVM records what is called often, too. */
  private static final int ROUNDS = 5;

  @Option(names = "--daemon", description = "Serve a mount, too.")
  boolean withDaemon;

  @Option(names = "--extract", description = "Extract images of one file, and nothing else.")
  boolean extractsAlone;

  @Override
  ExitCode run() throws IOException {
    Scratch scratch = Scratch.create("aquifer-warm-up-");
    try (OnSignal ignored = OnSignal.close(scratch);
        scratch) {
      if (extractsAlone) {
        step("extract", () -> extractFiles(scratch));
        return ExitCode.OK;
      }
      Path source = scratch.directory("source");
      Files.writeString(source.resolve("file"), "data".repeat(5000));
      step("help", () -> inner("help"));
      for (int i = 0; i < DIRECTORIES; i++) {
        Path directory = Files.createDirectory(source.resolve("directory" + i));
        for (int j = 0; j < FILES; j++) {
          Files.writeString(directory.resolve("file" + j), "data" + j);
        }
      }
      Path image = scratch.directory("images").resolve("image");
      step("build and read", () -> read(image, build(source, image), scratch));
      step("build one file", () -> buildFiles(source, scratch));
      step("extract", () -> extractFiles(scratch));
      step("cat", () -> cat(scratch));
      if (withDaemon) {
        step("daemon", () -> serve(scratch));
      }
    }
    return ExitCode.OK;
  }

  private interface Step {
    void run() throws Exception;
  }

  // Where something is missing (root, a kernel feature) the rest is still worth recording.
  private void step(String name, Step step) {
    try {
      step.run();
    } catch (Exception e) {
      out().printf("%s: %s%n", name, ErrorText.of(e));
    }
  }

  /** Returns where the bootstrap is, an image by itself. */
  private static Path build(Path source, Path image) throws IOException {
    try (LinuxTree tree = LinuxTree.open(source)) {
      BuildResult result = ImageBuilder.defaults().buildLayout(tree, image);
      return image.resolve("blobs/sha256").resolve(result.bootstrapDigest().hex());
    }
  }

  private static void buildFiles(Path source, Scratch scratch) throws IOException {
    Path images = scratch.directory("files-of-images");
    for (String options : List.of("--single", "-zlz4", "-zzstd")) {
      inner("build", options, source.toString(), "-o", images.resolve(options).toString());
    }
    String layout = images.resolve("layout").toString();
    inner("build", source.toString(), "-o", layout);
    inner("build", source.toString(), "-o", images.resolve("next").toString(), "--reuse", layout);
  }

  /** The commands that read an image, of a layout and of a file. */
  private static void read(Path layout, Path bootstrap, Scratch scratch) throws IOException {
    String image = layout.toString();
    String file = bootstrap.toString();
    for (int i = 0; i < ROUNDS; i++) {
      inner("ls", "-lR", file);
      inner("find", image, "-name", "file*");
      inner("extract", image, scratch.directory("out" + i).toString());
    }
    inner("ls", image);
    inner("tree", image);
    inner("stat", image, "/file");
    inner("cat", image, "/file");
    inner("manifest", image);
    inner("fsck", "--data", image);
    inner("dump", image, "/file");
    inner("dump", "--json", image);
    inner("diff", image, scratch.directory("source").toString());
    inner("extract", image, "--tar", scratch.directory("files").resolve("tar").toString());
  }

  private static void extractFiles(Scratch scratch) throws IOException {
    for (String form : FORMS) {
      String image = image(form, scratch).toString();
      for (int i = 0; i < ROUNDS; i++) {
        inner("extract", image, scratch.directory("out-" + form + i).toString());
      }
    }
  }

  private static void cat(Scratch scratch) throws IOException {
    for (String form : FORMS) {
      inner("cat", image(form, scratch).toString(), "/numbers");
    }
  }

  private static Path image(String form, Scratch scratch) throws IOException {
    String name = "warm-up-" + form + ".erofs";
    Path image = scratch.directory("images").resolve(name);
    try (InputStream resource = WarmUpCommand.class.getResourceAsStream(name)) {
      if (resource == null) {
        throw new IOException("no resource " + name);
      }
      Files.copy(resource, image, StandardCopyOption.REPLACE_EXISTING);
    }
    return image;
  }

  private void serve(Scratch scratch) throws IOException {
    LogSetup.forDaemon();
    Places places = new Places(scratch.directory("run"), scratch.directory("cache"));
    try (Daemon daemon = scratch.add(Daemon.open(places, List.of()))) {
      daemon.unmountAtEnd();
      daemon.serve();
      String image = scratch.directory("images").resolve("image").toString();
      String target = scratch.directory("mnt").toString();
      String[] at = {"--run-dir", places.runDir().toString()};
      inner("mount", image, target, "-o", "fsid=warm-up", at[0], at[1]);
      inner("status", at[0], at[1]);
      inner("status", "--json", at[0], at[1]);
      inner("umount", target, at[0], at[1]);
    }
  }

  private static void inner(String... args) {
    PrintWriter err = new PrintWriter(new StringWriter());
    Main.run(args, new StandardOut(OutputStream.nullOutputStream()), err);
  }
}
