package dev.aquifer.input;

import static org.assertj.core.api.Assertions.assertThat;

import dev.aquifer.build.SourceEntry;
import dev.aquifer.build.SourceFile;
import dev.aquifer.build.TreeDigest;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What entries mean, told by archives made by the byte; {@link TarProgramsTest} has real ones. */
class TarTreeTest {
  @TempDir Path temp;

  private List<String> lines(byte[] archive) throws IOException {
    Path file = temp.resolve("a.tar");
    Files.write(file, archive);
    try (TarTree tree = TarTree.open(file, temp)) {
      return Trees.lines(tree);
    }
  }

  private String line(byte[] archive, String path) throws IOException {
    return lines(archive).stream()
        .filter(line -> line.startsWith(path + " "))
        .findFirst()
        .orElse("nothing");
  }

  private static String sha256(String data) throws IOException {
    return dev.aquifer.io.Sha256.hash(TarBytes.latin1(data)).hex();
  }

  @Test
  void laterEntryTakesThePlaceOfAnEarlierOne() throws IOException {
    byte[] archive = new TarBytes().file("f", "one").hardLink("g", "f").file("f", "three").end();
    assertThat(line(archive, "/f")).endsWith("5 " + sha256("three"));
    assertThat(line(archive, "/g")).endsWith("3 " + sha256("one"));
  }

  @Test
  void directoryOnADirectoryKeepsWhatIsInIt() throws IOException {
    byte[] archive = new TarBytes().directory("d").file("d/f", "x").directory("d/").end();
    assertThat(lines(archive)).hasSize(3);
  }

  @Test
  void missingParentsAreMade() throws IOException {
    byte[] archive = new TarBytes().directory("./").file("a/b/c", "x").end();
    // The root's time, as mkfs.erofs --tar=f has it.
    assertThat(line(archive, "/a/b")).isEqualTo("/a/b 40755 0:0 10.000000000");
  }

  @Test
  void namesLoseTheirBeginnings() throws IOException {
    byte[] archive = new TarBytes().file("/abs", "").file("./dot", "").file("a//b/./c", "").end();
    assertThat(lines(archive).stream().map(line -> line.split(" ")[0]))
        .containsExactly("/", "/a", "/a/b", "/a/b/c", "/abs", "/dot");
  }

  @Test
  void linksOnTheWayAreFollowedInsideOfTheTree() throws IOException {
    byte[] archive =
        new TarBytes()
            .directory("usr/bin")
            .symlink("bin", "usr/bin")
            .symlink("usr/bin/up", "../../../../etc")
            .file("bin/sh", "x")
            .file("bin/up/passwd", "y")
            .symlink("abs", "/usr")
            .file("abs/f", "z")
            .end();
    assertThat(line(archive, "/usr/bin/sh")).contains(sha256("x"));
    assertThat(line(archive, "/etc/passwd")).contains(sha256("y"));
    assertThat(line(archive, "/usr/f")).contains(sha256("z"));
  }

  @Test
  void numbersInBase256() throws IOException {
    byte[] header = TarBytes.header('0', "f", "", 0);
    byte[] uid = {(byte) 0x80, 0, 0, 0, (byte) 0xff, (byte) 0xff, (byte) 0xff, (byte) 0xfe};
    System.arraycopy(uid, 0, header, 108, 8);
    java.util.Arrays.fill(header, 136, 148, (byte) 0xff);
    byte[] archive = new TarBytes().raw(TarBytes.summed(header)).end();
    assertThat(line(archive, "/f")).startsWith("/f 100644 4294967294:0 -1.000000000 ");
  }

  @Test
  void timesOfExtendedHeaders() throws IOException {
    String[][] times = {
      {"-1.5", "-2.500000000"},
      {"-1", "-1.000000000"},
      {"-0.000000001", "-1.999999999"},
      {"-0.9999999999", "-1.000000000"},
      {"1.0000000019", "1.000000001"},
      {"3.", "3.000000000"},
      {"123456789012.25", "123456789012.250000000"}
    };
    for (String[] each : times) {
      byte[] archive = new TarBytes().pax('x', "mtime", each[0]).file("f", "").end();
      assertThat(line(archive, "/f")).as(each[0]).startsWith("/f 100644 0:0 " + each[1] + " ");
    }
  }

  @Test
  void globalHeadersHoldForAllThatFollow() throws IOException {
    byte[] archive =
        new TarBytes()
            .file("before", "")
            .pax('g', "uid", "7", "mtime", "5", "comment", "c")
            .file("a", "")
            .pax('x', "uid", "8")
            .file("b", "")
            .pax('x', "mtime", "")
            .file("c", "")
            .end();
    assertThat(line(archive, "/before")).startsWith("/before 100644 0:0 10.0");
    assertThat(line(archive, "/a")).startsWith("/a 100644 7:0 5.0");
    assertThat(line(archive, "/b")).startsWith("/b 100644 8:0 5.0");
    assertThat(line(archive, "/c")).startsWith("/c 100644 7:0 10.0");
  }

  @Test
  void attributesInThreeForms() throws IOException {
    byte[] archive =
        new TarBytes()
            .pax(
                'x',
                "SCHILY.xattr.user.raw",
                "\0\u00ff\n=",
                "SCHILY.xattr.user.empty",
                "",
                "SCHILY.xattr.user.a%3Db",
                "1",
                "LIBARCHIVE.xattr.user.per%25cent",
                "AP8",
                "RHT.security.selinux",
                "u:r:t")
            .file("f", "")
            .end();
    assertThat(line(archive, "/f"))
        .endsWith(
            " security.selinux=753a723a7400 user.a=b=31 user.empty= user.per%25cent=00ff user.raw=00ff0a3d");
  }

  @Test
  void sparseFilesOfPaxForms() throws IOException {
    String expected = "8 " + sha256("\0ab\0\0c\0\0");
    byte[] zero =
        new TarBytes()
            .pax(
                'x',
                "GNU.sparse.size",
                "8",
                "GNU.sparse.numblocks",
                "2",
                "GNU.sparse.offset",
                "1",
                "GNU.sparse.numbytes",
                "2",
                "GNU.sparse.offset",
                "5",
                "GNU.sparse.numbytes",
                "1")
            .file("f", "abc")
            .end();
    assertThat(line(zero, "/f")).endsWith(expected);
    byte[] one =
        new TarBytes()
            .pax('x', "GNU.sparse.size", "8", "GNU.sparse.name", "f", "GNU.sparse.map", "1,2,5,1")
            .file("GNUSparseFile.1/f", "abc")
            .end();
    assertThat(line(one, "/f")).endsWith(expected);
    String map = "3\n1\n2\n5\n1\n8\n0\n";
    byte[] ten =
        new TarBytes()
            .pax(
                'x',
                "GNU.sparse.major",
                "1",
                "GNU.sparse.minor",
                "0",
                "GNU.sparse.name",
                "f",
                "GNU.sparse.realsize",
                "8")
            .file("GNUSparseFile.1/f", map + "\0".repeat(512 - map.length()) + "abc")
            .end();
    assertThat(line(ten, "/f")).endsWith(expected);
  }

  @Test
  void holesAreFoundInSparseFiles() throws IOException {
    Path file = temp.resolve("a.tar");
    Files.write(
        file,
        new TarBytes()
            .pax('x', "GNU.sparse.size", "30", "GNU.sparse.map", "5,5,10,2,20,1")
            .file("f", "abcdefgh")
            .end());
    try (TarTree tree = TarTree.open(file, temp)) {
      SourceEntry entry = tree.children(tree.root()).getFirst();
      try (SourceFile data = tree.open(entry)) {
        assertThat(List.of(data.nextData(0), data.nextData(7), data.nextData(12)))
            .containsExactly(5L, 7L, 20L);
        assertThat(data.nextData(21)).isEqualTo(30);
        assertThat(List.of(data.nextHole(0), data.nextHole(5), data.nextHole(20)))
            .containsExactly(0L, 12L, 21L);
        assertThat(data.archiveOffsetBytes()).isEqualTo(-1);
        assertThat(data.readBytes(8, 5)).isEqualTo(TarBytes.latin1("defg\0"));
      }
    }
  }

  @Test
  void placesOfDataAreKnown() throws IOException {
    Path file = temp.resolve("a.tar");
    Files.write(file, new TarBytes().file("f", "abc").hardLink("g", "f").end());
    try (TarTree tree = TarTree.open(file, temp)) {
      for (SourceEntry entry : tree.children(tree.root())) {
        try (SourceFile data = tree.open(entry)) {
          assertThat(data.archiveOffsetBytes()).isEqualTo(512);
        }
      }
      assertThat(tree.archive().readBytes(512, 3)).isEqualTo(TarBytes.latin1("abc"));
    }
  }

  @Test
  void oldFormsAreRead() throws IOException {
    byte[] v7 = TarBytes.header('\0', "d/", "", 0);
    TarBytes.put(v7, 257, "\0\0\0\0\0\0\0\0");
    byte[] prefixed = TarBytes.header('7', "name", "", 0);
    TarBytes.put(prefixed, 345, "d/prefix");
    byte[] archive =
        new TarBytes()
            .raw(TarBytes.summed(v7))
            .raw(TarBytes.summed(prefixed))
            .add('V', "a label", "", new byte[0])
            .end();
    assertThat(lines(archive).stream().map(line -> line.split(" 0:0")[0]))
        .containsExactly("/ 40755", "/d 40644", "/d/prefix 40755", "/d/prefix/name 100644");
  }

  @Test
  void longNamesOfGnu() throws IOException {
    String name = "n".repeat(150) + "\u00ff";
    byte[] archive =
        new TarBytes()
            .add('L', "././@LongLink", "", TarBytes.latin1(name + "\0"))
            .add('K', "././@LongLink", "", TarBytes.latin1("t".repeat(140) + "\0"))
            .symlink("n".repeat(100), "t".repeat(100))
            .end();
    assertThat(lines(archive).get(1))
        .startsWith("/" + "n".repeat(150) + "%FF ")
        .endsWith("-> " + "t".repeat(140));
  }

  @Test
  void aStreamIsCopiedAndNothingIsLeft() throws IOException {
    byte[] archive = new TarBytes().directory(".").file("f", "abc").end();
    try (TarTree tree =
        TarTree.read(new ByteArrayInputStream(archive), temp.resolve("not/there"))) {
      assertThat(Trees.lines(tree).getLast()).contains(sha256("abc"));
      try (Stream<Path> left = Files.list(temp)) {
        assertThat(left).isEmpty();
      }
    }
  }

  @Test
  void anArchiveThatChangesIsNoticed() throws IOException {
    Path file = temp.resolve("a.tar");
    Files.write(file, new TarBytes().file("f", "abc").end());
    try (TarTree tree = TarTree.open(file, temp)) {
      Files.writeString(file, "longer now", java.nio.file.StandardOpenOption.APPEND);
      org.assertj.core.api.Assertions.assertThatThrownBy(() -> TreeDigest.of(tree))
          .isInstanceOf(IOException.class)
          .hasMessageStartingWith(file + ": changed while it was read: expected the 2048 bytes")
          .hasMessageContaining("build from an archive at rest");
    }
  }

  /**
   * Archives of GNU tar 1.34, and what Linux 6.18 shows of the images that mkfs.erofs 1.9.3 {@code
   * --tar=f} makes of them.
   */
  @ParameterizedTest
  @ValueSource(strings = {"gnu", "pax"})
  void archivesAreWhatMkfsMakesOfThem(String name) throws Exception {
    Path archive =
        Path.of(Objects.requireNonNull(getClass().getResource(name + ".tar.gz")).toURI());
    Path expected = Path.of(Objects.requireNonNull(getClass().getResource(name + ".txt")).toURI());
    try (TarTree tree = TarTree.open(archive, temp)) {
      assertThat(Trees.lines(tree)).isEqualTo(Files.readAllLines(expected));
    }
  }

  @Test
  void emptyArchiveIsAnEmptyTree() throws IOException {
    assertThat(lines(new TarBytes().end())).containsExactly("/ 40755 0:0 0.000000000");
    assertThat(new String(new TarBytes().end(), StandardCharsets.US_ASCII)).hasSize(1024);
  }
}
