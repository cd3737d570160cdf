package dev.aquifer.cli;

import static dev.aquifer.cli.LinuxTreeTest.lines;
import static dev.aquifer.cli.LinuxTreeTest.run;
import static org.assertj.core.api.Assertions.assertThat;

import dev.aquifer.build.ImageBuilder;
import dev.aquifer.image.FileType;
import dev.aquifer.input.MemoryTree;
import dev.aquifer.testing.Requires;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Merged images show what overlayfs shows of the images as its layers. */
class MergeCommandTest {
  @TempDir Path temp;

  private void shell(String script) throws Exception {
    run("sh", "-ec", "cd \"$1\"; " + script, "sh", temp.toString());
  }

  private Program.Outcome merge(String output, String... images) {
    List<Object> words = new ArrayList<>(List.of("merge"));
    for (String image : images) {
      words.add(image.startsWith("-") || image.isEmpty() ? image : temp.resolve(image));
    }
    words.addAll(List.of("-o", temp.resolve(output)));
    return Program.run(words.toArray());
  }

  private void merged(String output, String... images) {
    Program.Outcome outcome = merge(output, images);
    assertThat(outcome.exitCode()).as(outcome.err()).isZero();
  }

  private List<Path> paths(String... names) {
    return Stream.of(names).map(temp::resolve).toList();
  }

  private List<String> mounted(String image, String... devices) throws Exception {
    try (DeviceMount mount = DeviceMount.of(temp.resolve(image), paths(devices), temp);
        LinuxTree tree = LinuxTree.open(mount.target())) {
      return lines(tree);
    }
  }

  private List<String> extracted(String image, String... devices) throws Exception {
    Path target = temp.resolve(image + ".extracted");
    List<Object> words = new ArrayList<>(List.of("extract", temp.resolve(image), target));
    for (Path device : paths(devices)) {
      words.addAll(List.of("--device", device));
    }
    Program.Outcome outcome = Program.run(words.toArray());
    assertThat(outcome.exitCode()).as(outcome.err()).isZero();
    try (LinuxTree tree = LinuxTree.open(target)) {
      return lines(tree);
    }
  }

  /** What overlayfs shows of the mounted images, the lowest first. */
  private List<String> overlaid(String... images) throws Exception {
    List<DeviceMount> mounts = new ArrayList<>();
    Path target = Files.createTempDirectory(temp, "overlay");
    try {
      String lower = "";
      for (String image : images) {
        mounts.add(DeviceMount.of(temp.resolve(image), List.of(), temp));
        lower = mounts.getLast().target() + (lower.isEmpty() ? "" : ":" + lower);
      }
      run("mount", "-t", "overlay", "overlay", "-o", "ro,lowerdir=" + lower, target + "");
      // A directory of one layer alone lists whiteouts, and then they are not there: cp says so.
      Path copy = Files.createTempDirectory(temp, "copy");
      String script = "cp -a \"$1/.\" \"$2\" 2>&1 | grep -v 'cannot stat.*No such file' || true";
      try {
        assertThat(run("sh", "-c", script, "sh", target.toString(), copy.toString())).isEmpty();
      } finally {
        run("umount", target.toString());
      }
      try (LinuxTree tree = LinuxTree.open(copy)) {
        return lines(tree);
      }
    } finally {
      mounts.forEach(DeviceMount::close);
    }
  }

  @Tag("root")
  @ParameterizedTest
  @ValueSource(strings = {"", "-Enoinline_data", "-b512"})
  void imagesOfMkfs(String options) throws Exception {
    Requires.root();
    Requires.tool("mkfs.erofs");
    Path tree = LinuxTreeTest.makeTree(temp, true);
    // mkfs.erofs 1.5 would write all of it.
    Files.delete(tree.resolve("sparse"));
    Random random = new Random(3);
    for (int size : new int[] {1, 4095, 4096, 4097, 70_000, 9_000_001}) {
      byte[] bytes = new byte[size];
      random.nextBytes(bytes);
      Files.write(tree.resolve("size" + size), bytes);
    }
    shell(
        "cp -a tree upper; cd upper; rm -r d; echo new > d; echo more > more; rm size4096;"
            + " mkdir size4096; echo x > size4096/x; chmod 700 .; seq 9999 > size1");
    boolean isSmall = options.equals("-b512");
    for (String name : List.of("tree", "upper")) {
      if (isSmall) {
        Program.Outcome built =
            Program.run(
                "build", temp.resolve(name), "-b", "512", "-o", temp.resolve(name + ".erofs"));
        assertThat(built.exitCode()).as(built.err()).isZero();
      } else {
        shell("mkfs.erofs " + options + " " + name + ".erofs " + name);
      }
    }
    merged("m.erofs", "tree.erofs", "upper.erofs");
    List<String> expected = overlaid("tree.erofs", "upper.erofs");
    assertThat(mounted("m.erofs", "tree.erofs", "upper.erofs")).isEqualTo(expected);
    assertThat(extracted("m.erofs", "tree.erofs", "upper.erofs")).isEqualTo(expected);
    Program.Outcome fsck =
        Program.run(
            "fsck",
            "--data",
            temp.resolve("m.erofs"),
            "--device",
            temp.resolve("tree.erofs"),
            "--device",
            temp.resolve("upper.erofs"));
    assertThat(fsck.exitCode()).as(fsck.out() + fsck.err()).isZero();
    // Of 18 MB no more than ends of files, and maps to avoid more of them.
    assertThat(Files.size(temp.resolve("m.erofs"))).isLessThan(256 << 10);
    merged("again.erofs", "tree.erofs", "upper.erofs");
    assertThat(temp.resolve("again.erofs")).hasSameBinaryContentAs(temp.resolve("m.erofs"));
  }

  @Tag("root")
  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
  void randomLayersWithWhiteoutsAndOpaqueDirectories(long seed) throws Exception {
    Requires.root();
    Random random = new Random(seed);
    String[] images = new String[2 + random.nextInt(3)];
    for (int i = 0; i < images.length; i++) {
      images[i] = "layer" + i;
      ImageBuilder.defaults().buildFile(randomLayer(random), temp.resolve(images[i]));
    }
    merged("m.erofs", images);
    List<String> expected = overlaid(images);
    assertThat(mounted("m.erofs", images)).as("seed %d", seed).isEqualTo(expected);
    assertThat(extracted("m.erofs", images)).as("seed %d", seed).isEqualTo(expected);
  }

  private static MemoryTree randomLayer(Random random) {
    MemoryTree tree = new MemoryTree("layer");
    tree.top().mtime(Instant.ofEpochSecond(random.nextInt(1000)));
    fill(random, tree, "", 3);
    return tree;
  }

  private static void fill(Random random, MemoryTree tree, String path, int depth) {
    for (int i = 0; i < 6; i++) {
      String name = path + "n" + i;
      int kind = random.nextInt(10);
      MemoryTree.Node node;
      if (kind < 4 && depth > 0) {
        node = tree.directory(name);
        if (kind == 0) {
          node.xattr("trusted.overlay.opaque", new byte[] {'y'});
        } else if (kind == 1) {
          node.xattr("user.x", new byte[] {(byte) random.nextInt(3)});
        }
        fill(random, tree, name + "/", depth - 1);
      } else if (kind < 6) {
        byte[] data = new byte[random.nextInt(20_000)];
        random.nextBytes(data);
        node = tree.file(name, data);
        if (kind == 4) {
          tree.hardLink(name + "link", name);
        }
      } else if (kind == 6) {
        node = tree.symlink(name, "target" + random.nextInt());
      } else if (kind == 7) {
        node = tree.device(name, FileType.CHARACTER_DEVICE, 0, 0);
      } else if (kind == 8) {
        node = tree.special(name, FileType.FIFO);
      } else {
        continue;
      }
      node.owner(random.nextInt(5), 3).mtime(Instant.ofEpochSecond(random.nextInt(1000), 5));
    }
  }

  /** The archives are devices of their index, and so of what is merged of indexes. */
  @Tag("root")
  @Test
  void indexesOfArchives() throws Exception {
    Requires.root();
    shell(
        "mkdir -p a/d b/d; seq 5000 > a/d/f; seq 60 > a/both; seq 700 > b/d/g; seq 8 > b/both;"
            + " truncate -s 1M b/holes; echo x >> b/holes;"
            + " touch -d @5 a/d b/d a b; tar -C a -cf a.tar .; tar --sparse -C b -cf b.tar .;"
            + " mkdir both; tar -C both -xpf a.tar; tar -C both -xpf b.tar");
    for (String name : List.of("a", "b")) {
      Program.Outcome outcome =
          Program.run(
              "build", "--tar=i", temp.resolve(name + ".tar"), "-o", temp.resolve(name + ".erofs"));
      assertThat(outcome.exitCode()).as(outcome.err()).isZero();
    }
    merged("m.erofs", "a.erofs", "b.erofs");
    try (LinuxTree expected = LinuxTree.open(temp.resolve("both"))) {
      assertThat(mounted("m.erofs", "a.tar", "b.tar")).isEqualTo(lines(expected));
    }
  }

  @Tag("root")
  @Test
  void filesOfChunksWithHoles() throws Exception {
    Requires.root();
    shell(
        "mkdir a b; seq 99999 > a/f; truncate -s 40M a/f; seq 50000 >> a/f; truncate -s 1M a/hole;"
            + " seq 9 > b/small");
    for (String name : List.of("a", "b")) {
      Program.Outcome built =
          Program.run("build", "--single", temp.resolve(name), "-o", temp.resolve(name + ".erofs"));
      assertThat(built.exitCode()).as(built.err()).isZero();
    }
    merged("m.erofs", "a.erofs", "b.erofs");
    shell("cp -a a/. b/; touch -r b b");
    Program.Outcome diff =
        Program.run(
            "extract",
            temp.resolve("m.erofs"),
            temp.resolve("out"),
            "--device",
            temp.resolve("a.erofs"),
            "--device",
            temp.resolve("b.erofs"));
    assertThat(diff.exitCode()).as(diff.err()).isZero();
    run("diff", "-r", temp.resolve("out").toString(), temp.resolve("b").toString());
    assertThat(mounted("m.erofs", "a.erofs", "b.erofs")).hasSize(4);
  }

  private void assertRefused(String line, String... images) throws IOException {
    Program.Outcome outcome = merge("out.erofs", images);
    assertThat(outcome.exitCode()).as(outcome.out()).isNotZero();
    assertThat(outcome.errors().getFirst()).startsWith("aquifer: ").contains(line);
    try (Stream<Path> left = Files.list(temp)) {
      assertThat(left.map(path -> path.getFileName().toString()))
          .noneMatch(name -> name.startsWith(".") || name.equals("out.erofs"));
    }
  }

  @Test
  void whatCantBeMergedIsRefused() throws Exception {
    shell("mkdir a; yes | head -c 99999 > a/f");
    for (String options : List.of("", "-zlz4", "-b512")) {
      List<Object> words = new ArrayList<>(List.of("build", "--single", temp.resolve("a"), "-o"));
      words.add(temp.resolve("i" + options));
      if (!options.isEmpty()) {
        words.add(options);
      }
      assertThat(Program.run(words.toArray()).exitCode()).isZero();
    }
    MemoryTree moved = new MemoryTree("moved");
    moved.directory("d").xattr("trusted.overlay.redirect", "/e".getBytes(StandardCharsets.UTF_8));
    ImageBuilder.defaults().buildFile(moved, temp.resolve("moved"));
    Files.writeString(temp.resolve("text"), "no image\n".repeat(1000));
    Files.createDirectory(temp.resolve("directory"));
    assertRefused("i-zlz4: /f: is compressed", "i", "i-zlz4");
    assertRefused("i-b512: has blocks of 512 bytes: expected 4096 as in", "i", "i-b512");
    assertRefused("moved: /d: has trusted.overlay.redirect", "i", "moved");
    assertRefused("one image: expected two or more", "i");
    assertRefused("no: no such file or directory", "i", "no");
    assertRefused("directory: is no regular file", "i", "directory");
    assertRefused("text: ", "i", "text");
    assertRefused("-U x: expected a UUID", "a", "i", "-Ux");
    // What is hidden may be compressed.
    shell("mkdir b; echo x > b/f");
    assertThat(
            Program.run("build", "--single", temp.resolve("b"), "-o", temp.resolve("b.erofs"))
                .exitCode())
        .isZero();
    merged("m.erofs", "i-zlz4", "b.erofs");
    Program.Outcome again = merge("m.erofs", "i", "b.erofs");
    assertThat(again.errors().getFirst()).contains("m.erofs: exists already");
  }
}
