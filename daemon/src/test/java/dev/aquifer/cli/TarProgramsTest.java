package dev.aquifer.cli;

import static dev.aquifer.cli.LinuxTreeTest.lines;
import static dev.aquifer.cli.LinuxTreeTest.run;
import static org.assertj.core.api.Assertions.assertThat;

import dev.aquifer.build.ImageBuilder;
import dev.aquifer.build.SourceTree;
import dev.aquifer.input.TarTree;
import dev.aquifer.testing.Requires;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Archives that other programs made become the same images as the directories they were made of, or
 * as what GNU tar makes of them again.
 */
@Tag("root")
class TarProgramsTest {
  private static final String EXTRACT =
      "mkdir out && tar -C out -xpf %s --numeric-owner --same-owner --xattrs --xattrs-include='*'";

  @TempDir Path temp;
  private int images;

  @BeforeEach
  void needRoot() {
    Requires.root();
  }

  private Path tree() throws Exception {
    Path tree = LinuxTreeTest.makeTree(temp, true);
    Files.delete(tree.resolve("socket"));
    return tree;
  }

  private String manifest(SourceTree tree) throws IOException {
    Path output = temp.resolve("image" + images++);
    return ImageBuilder.defaults().buildLayout(tree, output).manifestDigest().toString();
  }

  private void shell(String script) throws Exception {
    run("sh", "-c", "set -e; cd " + temp + "; " + script);
  }

  private void assertSame(String archive, Path directory) throws Exception {
    try (TarTree tar = TarTree.open(temp.resolve(archive), temp);
        LinuxTree expected = LinuxTree.open(directory)) {
      assertThat(lines(tar)).isEqualTo(lines(expected));
      assertThat(manifest(tar)).isEqualTo(manifest(expected));
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "--sparse --sparse-version=0.0",
        "--sparse --sparse-version=0.1",
        "--sparse --sparse-version=1.0"
      })
  void paxOfGnuTarIsTheDirectory(String options) throws Exception {
    Path tree = tree();
    if (options.isEmpty()) {
      Files.delete(tree.resolve("sparse"));
    }
    shell("tar --format=pax --xattrs --xattrs-include='*' -C tree -cf a.tar . " + options);
    assertSame("a.tar", tree);
  }

  @ParameterizedTest
  @ValueSource(strings = {"gnu", "gnu --sparse", "oldgnu", "ustar", "v7", "posix"})
  void otherFormatsAreWhatGnuTarMakesOfThem(String format) throws Exception {
    Path tree = tree();
    if (!format.contains("sparse")) {
      Files.delete(tree.resolve("sparse"));
    }
    if (format.equals("ustar") || format.equals("v7")) {
      // These have no room for the odd numbers.
      shell("chown 7:8 tree/empty; chown -h 9:10 tree/link; touch -d @1 tree/d/e");
    }
    if (format.equals("v7")) {
      shell("rm tree/null tree/block tree/whiteout tree/pipe");
    }
    shell("tar --format=" + format + " -C tree -cf a.tar .");
    shell(EXTRACT.formatted("a.tar"));
    assertSame("a.tar", temp.resolve("out"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"pax", "gnutar", "ustar"})
  void archivesOfBsdtar(String format) throws Exception {
    Requires.tool("bsdtar");
    Path tree = tree();
    Files.delete(tree.resolve("sparse"));
    if (!format.equals("pax")) {
      shell("chown 7:8 tree/empty; chown -h 9:10 tree/link; touch -d @1 tree/d/e");
    }
    shell("setfacl -b tree/small; setfacl -k tree/d");
    shell("bsdtar --format=" + format + " --xattrs -C tree -cf a.tar .");
    shell(EXTRACT.formatted("a.tar"));
    // Not the directory itself: bsdtar 3.6 counts the fraction of times before 1970 backwards.
    assertSame("a.tar", temp.resolve("out"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"PAX_FORMAT", "GNU_FORMAT"})
  void archivesOfPython(String format) throws Exception {
    Requires.tool("python3");
    Path tree = tree();
    Files.delete(tree.resolve("sparse"));
    shell("touch -d @1 tree/d/e; mkdir tree/" + "d".repeat(200));
    shell("touch tree/" + "d".repeat(200) + "/" + "f".repeat(200));
    shell(
        "python3 -c \"import tarfile; t = tarfile.open('a.tar', 'w', format=tarfile."
            + format
            + "); t.add('tree', '.'); t.close()\"");
    shell(EXTRACT.formatted("a.tar"));
    assertSame("a.tar", temp.resolve("out"));
  }

  @ParameterizedTest
  @CsvSource({"gzip,.gz", "zstd -q --rm,.zst", "xz,.xz", "zstd -q --long=27 -19 --rm,.zst"})
  void compressedArchives(String program, String ending) throws Exception {
    Path tree = tree();
    Files.delete(tree.resolve("sparse"));
    shell("tar --format=pax --xattrs --xattrs-include='*' -C tree -cf a.tar .");
    shell(program + " a.tar");
    assertSame("a.tar" + ending, tree);
  }

  @Test
  void compressedInSeveralMembersThroughAPipe() throws Exception {
    Path tree = tree();
    Files.delete(tree.resolve("sparse"));
    shell("tar --format=pax --xattrs --xattrs-include='*' -C tree -cf a.tar .");
    shell("split -b 30000 a.tar part.; gzip part.*; cat part.*.gz > whole.gz");
    Process process =
        new ProcessBuilder("sh", "-c", "dd if=whole.gz bs=997 2>/dev/null")
            .directory(temp.toFile())
            .start();
    try (InputStream pipe = process.getInputStream();
        TarTree tar = TarTree.read(pipe, temp);
        LinuxTree expected = LinuxTree.open(tree)) {
      assertThat(lines(tar)).isEqualTo(lines(expected));
    }
    assertThat(process.waitFor()).isZero();
  }

  @Test
  void updatesAndAppendedEntries() throws Exception {
    Path tree = tree();
    Files.delete(tree.resolve("sparse"));
    shell("tar --format=pax -C tree -cf a.tar .");
    shell("echo new > tree/small; rm tree/d/copy; mkdir tree/d/copy; chmod 700 tree/d");
    shell(
        "tar --format=pax -C tree -rf a.tar ./small ./d/copy; tar -C tree --no-recursion -rf a.tar ./d");
    shell(EXTRACT.formatted("a.tar"));
    assertSame("a.tar", temp.resolve("out"));
  }

  /** Names in any order, again and again, of any type, found by a seed. */
  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
  void randomArchivesAreWhatGnuTarMakesOfThem(long seed) throws Exception {
    Random random = new Random(seed);
    Path parts = Files.createDirectory(temp.resolve("parts"));
    List<String> script = new ArrayList<>();
    String format = List.of("pax", "gnu", "ustar").get(random.nextInt(3));
    for (int i = 0; i < 12; i++) {
      Path part = Files.createDirectory(parts.resolve("p" + i));
      String names = randomPart(random, part);
      script.add(
          "tar --format=" + format + " -C parts/p" + i + " --no-recursion -rf a.tar " + names);
    }
    shell(String.join("; ", script));
    shell(EXTRACT.formatted("a.tar"));
    assertSame("a.tar", temp.resolve("out"));
  }

  /** A few files with few names, so that parts meet; returns the names for tar. */
  private static String randomPart(Random random, Path part) throws Exception {
    List<String> names = new ArrayList<>();
    StringBuilder script = new StringBuilder("set -e; cd " + part + "; chmod 751 .");
    names.add(".");
    for (int i = 0; i < 4; i++) {
      // Directories and others have names of their own: GNU tar refuses to replace one that is
      // full.
      String directory =
          "d" + random.nextInt(3) + (random.nextBoolean() ? "/d" + random.nextInt(2) : "");
      String file = directory + "/f" + random.nextInt(3);
      script.append("; mkdir -p ").append(directory).append("; rm -f ").append(file);
      script
          .append("; ")
          .append(
              switch (random.nextInt(5)) {
                case 0 -> "ln -s target" + i + " " + file;
                case 1 -> "mkfifo " + file;
                case 2 -> "mknod " + file + " c 5 " + i;
                case 3 ->
                    "echo "
                        + random.nextInt()
                        + " > "
                        + file
                        + "; ln -f "
                        + file
                        + " "
                        + file
                        + "h";
                default ->
                    "head -c " + random.nextInt(3000) + " /dev/zero | tr '\\0' " + i + " > " + file;
              });
      script.append("; chown -h ").append(random.nextInt(5)).append(":3 ").append(file);
      script.append("; touch -hd @").append(random.nextInt(1 << 30)).append(' ').append(file);
      script.append("; chmod 7").append(random.nextInt(8)).append("5 ").append(directory);
    }
    script.append("; find . -mindepth 1 -exec touch -hd @12345 {} +; touch -d @54321 .");
    run("sh", "-c", script.toString());
    String found = run("sh", "-c", "cd " + part + "; find . -mindepth 1 | sort");
    names.addAll(found.lines().toList());
    return String.join(" ", names);
  }

  @Test
  void namesThatAreNoText() throws Exception {
    Path tree = Files.createDirectory(temp.resolve("tree"));
    run(
        "sh",
        "-c",
        "cd "
            + tree
            + "; for i in 1 2 3; do mkdir \"$(printf '\\37%d\\200' $i)\"; done;"
            + " printf x > \"$(printf '\\300%0150d' 1)\"; ln -s \"$(printf '\\377%0130d' 1)\" l");
    for (String format : List.of("pax", "gnu")) {
      shell("tar --format=" + format + " -C tree -cf a.tar .; rm -rf out");
      shell(EXTRACT.formatted("a.tar"));
      assertSame("a.tar", temp.resolve("out"));
    }
    assertThat(new String(Files.readAllBytes(temp.resolve("a.tar")), StandardCharsets.ISO_8859_1))
        .contains("\u00c0000");
  }
}
