package dev.aquifer.cli;

import static dev.aquifer.cli.LinuxTreeTest.lines;
import static dev.aquifer.cli.LinuxTreeTest.run;
import static org.assertj.core.api.Assertions.assertThat;

import dev.aquifer.testing.Requires;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Images that have a tar archive as their device show what GNU tar makes of it. */
class TarIndexTest {
  @TempDir Path temp;

  private String shell(String script) throws Exception {
    return run("sh", "-ec", "cd \"$1\"; " + script, "sh", temp.toString());
  }

  private void index(String archive, String image, Object... options) {
    Program.Outcome outcome = build(archive, image, options);
    assertThat(outcome.exitCode()).as(outcome.err()).isZero();
    assertThat(outcome.out()).contains("device 1   " + archive);
  }

  private Program.Outcome build(String archive, String image, Object... options) {
    List<Object> words = new ArrayList<>(List.of("build", "--tar=i"));
    words.add(archive.equals("-") ? archive : temp.resolve(archive));
    words.addAll(List.of("-o", temp.resolve(image)));
    words.addAll(List.of(options));
    return Program.run(words.toArray());
  }

  private List<String> mounted(String image, String archive) throws Exception {
    try (DeviceMount mount =
            DeviceMount.of(temp.resolve(image), List.of(temp.resolve(archive)), temp);
        LinuxTree tree = LinuxTree.open(mount.target())) {
      return lines(tree);
    }
  }

  private List<String> extracted(String image, String archive) throws Exception {
    Path target = temp.resolve(image + ".extracted");
    Program.Outcome outcome =
        Program.run("extract", temp.resolve(image), target, "--device", temp.resolve(archive));
    assertThat(outcome.exitCode()).as(outcome.err()).isZero();
    try (LinuxTree tree = LinuxTree.open(target)) {
      return lines(tree);
    }
  }

  private List<String> untarred(String archive) throws Exception {
    shell(
        "rm -rf out; mkdir out; tar -C out -xpf "
            + archive
            + " --numeric-owner --same-owner --xattrs --xattrs-include='*'");
    try (LinuxTree tree = LinuxTree.open(temp.resolve("out"))) {
      return lines(tree);
    }
  }

  @Tag("root")
  @ParameterizedTest
  @ValueSource(strings = {"pax", "gnu", "pax --sparse", "gnu --sparse"})
  void kernelReaderAndGnuTarShowTheSame(String format) throws Exception {
    Requires.root();
    Path tree = LinuxTreeTest.makeTree(temp, true);
    Files.delete(tree.resolve("socket"));
    if (!format.contains("sparse")) {
      Files.delete(tree.resolve("sparse"));
    }
    Random random = new Random(1);
    for (int size : new int[] {1, 511, 512, 513, 4096, 70_000, 9_000_001}) {
      byte[] bytes = new byte[size];
      random.nextBytes(bytes);
      Files.write(tree.resolve("size" + size), bytes);
    }
    shell("tar --format=" + format + " --xattrs --xattrs-include='*' -C tree -cf a.tar .");
    index("a.tar", "a.erofs");
    List<String> expected = untarred("a.tar");
    assertThat(mounted("a.erofs", "a.tar")).isEqualTo(expected);
    assertThat(extracted("a.erofs", "a.tar")).isEqualTo(expected);
    Program.Outcome fsck =
        Program.run("fsck", "--data", temp.resolve("a.erofs"), "--device", temp.resolve("a.tar"));
    assertThat(fsck.exitCode()).as(fsck.out() + fsck.err()).isZero();
    // Data of no file but the sparse one is in the image.
    assertThat(Files.size(temp.resolve("a.erofs"))).isLessThan(2 << 20);
    index("a.tar", "again.erofs");
    assertThat(temp.resolve("again.erofs")).hasSameBinaryContentAs(temp.resolve("a.erofs"));
  }

  @Tag("root")
  @Test
  void aLaterEntryTakesThePlaceOfAnEarlierOne() throws Exception {
    Requires.root();
    shell(
        "mkdir -p tree/d; seq 5000 > tree/d/f; ln tree/d/f tree/hard; tar -C tree -cf a.tar .;"
            + " seq 9 > tree/d/f; tar -C tree -rf a.tar ./d/f");
    index("a.tar", "a.erofs");
    assertThat(mounted("a.erofs", "a.tar")).isEqualTo(untarred("a.tar"));
  }

  /** Data right behind the image is where a reader without devices looks. */
  @Tag("root")
  @Test
  void imageAndArchiveInOneFile() throws Exception {
    Requires.root();
    shell("mkdir tree; seq 5000 > tree/f; tar -C tree -cf a.tar .");
    index("a.tar", "a.erofs");
    shell("cat a.erofs a.tar > both.erofs");
    try (DeviceMount mount = DeviceMount.of(temp.resolve("both.erofs"), List.of(), temp);
        LinuxTree tree = LinuxTree.open(mount.target())) {
      assertThat(lines(tree)).isEqualTo(untarred("a.tar"));
    }
  }

  @Test
  void selectsAndChangesWhatGoesIn() throws Exception {
    shell("mkdir tree; seq 5000 > tree/f; seq 9 > tree/no; tar -C tree -cf a.tar .");
    index("a.tar", "a.erofs", "--exclude", "no", "-T", "7", "--all-root", "-b", "512", "-L", "x");
    Program.Outcome outcome =
        Program.run("ls", "-lR", temp.resolve("a.erofs"), "--device", temp.resolve("a.tar"));
    assertThat(outcome.out()).contains("1970").doesNotContain("no");
  }

  private void assertRefused(String line, Program.Outcome outcome) throws IOException {
    assertThat(outcome.exitCode()).as(outcome.out()).isNotZero();
    assertThat(outcome.errors().getFirst()).startsWith("aquifer: ").contains(line);
    try (Stream<Path> left = Files.list(temp)) {
      assertThat(left.map(path -> path.getFileName().toString()))
          .noneMatch(name -> name.startsWith(".") || name.equals("out.erofs"));
    }
  }

  @BeforeEach
  void makeSmall() throws Exception {
    shell("mkdir small; echo hi > small/hi; tar -C small -cf small.tar .; gzip -k small.tar");
  }

  @Test
  void whatHasNoPlaceInAFileIsRefused() throws Exception {
    assertRefused(
        "small.tar.gz: is compressed with gzip, so that nothing can refer to its data",
        build("small.tar.gz", "out.erofs"));
    assertRefused(
        "-: an index refers to the archive's file, and this is none", build("-", "out.erofs"));
    assertRefused("no: no such file or directory", build("no", "out.erofs"));
    assertRefused("small: is no regular file", build("small", "out.erofs"));
    String line = "--tar=i refers to data as it is in the archive: expected no -z";
    assertRefused(line, build("small.tar", "out.erofs", "-zlz4"));
    assertRefused(line, build("small.tar", "out.erofs", "-b", "4096"));
    assertRefused(line, build("small.tar", "out.erofs", "--reuse", "x"));
    assertRefused(
        "--tar=i and --input oci exclude", build("small.tar", "out.erofs", "--input", "oci"));
    index("small.tar", "there.erofs");
    assertRefused("there.erofs: exists already", build("small.tar", "there.erofs"));
  }
}
