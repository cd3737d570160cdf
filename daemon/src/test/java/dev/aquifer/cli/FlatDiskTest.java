package dev.aquifer.cli;

import static dev.aquifer.cli.LinuxTreeTest.lines;
import static dev.aquifer.cli.LinuxTreeTest.run;
import static org.assertj.core.api.Assertions.assertThat;

import dev.aquifer.testing.Requires;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Disks that VMDK descriptors make of images and their devices. */
class FlatDiskTest {
  private static final Pattern EXTENT = Pattern.compile("RW (\\d+) FLAT \"([^\"]+)\" (\\d+)");
  private static final String UUID = "6ba7b810-9dad-11d1-80b4-00c04fd430c8";

  /** Of mkfs.erofs 1.9.3 with this UUID and --tar=i, for an archive with a file of 5 GiB. */
  private static final String OF_MKFS =
      """
      # Disk DescriptorFile
      version=1
      CID=c9996a39
      parentCID=ffffffff
      createType="twoGbMaxExtentFlat"

      # Extent description
      RW 3 FLAT "m.erofs" 0
      RW 4194304 FLAT "big.tar" 0
      RW 4194304 FLAT "big.tar" 4194304
      RW 2097157 FLAT "big.tar" 8388608

      # The Disk Data Base
      #DDB

      ddb.virtualHWVersion = "4"
      ddb.geometry.cylinders = "10403"
      ddb.geometry.heads = "16"
      ddb.geometry.sectors = "63"
      ddb.adapterType = "ide"
      """;

  @TempDir Path temp;

  @BeforeEach
  void makeTree() throws Exception {
    shell(
        "mkdir -p tree/d; seq 90000 > tree/d/numbers; echo hi > tree/hi; ln tree/hi tree/d/hard;"
            + " head -c 5000 /dev/urandom > tree/noise; touch -d @5 tree/d tree;"
            + " tar --format=pax -C tree -cf a.tar .");
  }

  private void shell(String script) throws Exception {
    run("sh", "-ec", "cd \"$1\"; " + script, "sh", temp.toString());
  }

  private Path at(String name) {
    return temp.resolve(name);
  }

  private Program.Outcome aquifer(Object... words) {
    return Program.run(words);
  }

  private void done(Object... words) {
    Program.Outcome outcome = aquifer(words);
    assertThat(outcome.exitCode()).as(outcome.err()).isZero();
  }

  /** Copies the extents behind one another, as a virtual machine sees them. */
  private Path disk(Path descriptor) throws IOException {
    Path disk = Files.createTempFile(temp, "disk", "");
    try (FileChannel target = FileChannel.open(disk, StandardOpenOption.WRITE)) {
      Matcher extents = EXTENT.matcher(Files.readString(descriptor));
      while (extents.find()) {
        Path file = descriptor.resolveSibling(extents.group(2));
        long length = 512 * Long.parseLong(extents.group(1));
        try (FileChannel source = FileChannel.open(file)) {
          source.position(512 * Long.parseLong(extents.group(3)));
          assertThat(target.transferFrom(source, target.size(), length)).isEqualTo(length);
        }
      }
    }
    return disk;
  }

  private void assertShows(String descriptor, String directory) throws Exception {
    try (DeviceMount mount = DeviceMount.of(disk(at(descriptor)), List.of(), temp);
        LinuxTree found = LinuxTree.open(mount.target());
        LinuxTree expected = LinuxTree.open(at(directory))) {
      assertThat(lines(found)).isEqualTo(lines(expected));
    }
  }

  private List<String> names(String descriptor) throws IOException {
    return EXTENT
        .matcher(Files.readString(at(descriptor)))
        .results()
        .map(extent -> extent.group(2))
        .toList();
  }

  @Tag("root")
  @Test
  void theKernelShowsAnIndexAndItsArchive() throws Exception {
    Requires.root();
    // Programs fill archives up to more than a block, and users cut that off.
    shell("head -c -300 a.tar > odd.tar; gzip -k a.tar; mkdir sub");
    done("build", "--tar=i", at("odd.tar"), "-o", at("o"), "--vmdk-desc", at("o.vmdk"));
    assertThat(names("o.vmdk")).containsExactly("o", "odd.tar");
    assertShows("o.vmdk", "tree");
    Path kept = at("sub/kept.tar");
    done(
        "build",
        "--tar=i",
        at("a.tar.gz"),
        "--ungzip=" + kept,
        "-o",
        at("k"),
        "--vmdk-desc",
        at("k.vmdk"));
    assertThat(names("k.vmdk")).containsExactly("k", "sub/kept.tar");
    assertShows("k.vmdk", "tree");
    // A name that does not lead out of the descriptor's directory is relative, and no other.
    done("build", "--tar=i", at("a.tar"), "-o", at("sub/i"), "--vmdk-desc", at("sub/i.vmdk"));
    assertThat(names("sub/i.vmdk")).containsExactly("i", at("a.tar").toRealPath().toString());
    assertShows("sub/i.vmdk", "tree");
    shell("ln -s ../tree/d sub/link; cp a.tar tree/a.tar");
    done("build", "--tar=i", at("sub/link/../a.tar"), "-o", at("l"), "--vmdk-desc", at("l.vmdk"));
    assertThat(names("l.vmdk")).containsExactly("l", "tree/a.tar");
  }

  @Tag("root")
  @ParameterizedTest
  @ValueSource(ints = {512, 4096})
  void theKernelShowsAnImageAndItsChunks(int blockBytes) throws Exception {
    Requires.root();
    List<Object> words = new ArrayList<>(List.of("build", at("tree"), "-o", at("c")));
    words.addAll(List.of("-b", blockBytes, "--chunksize=8192", "--blobdev", at("blob")));
    words.addAll(List.of("--vmdk-desc", at("c.vmdk")));
    done(words.toArray());
    assertThat(names("c.vmdk")).containsExactly("c", "blob");
    assertShows("c.vmdk", "tree");
  }

  @Tag("root")
  @ParameterizedTest
  @ValueSource(strings = {"--quiet", "-zlz4", "-b512"})
  void theKernelShowsAnImageAlone(String option) throws Exception {
    Requires.root();
    done("build", at("tree"), "-o", at("s"), "--vmdk-desc", at("s.vmdk"), option);
    assertThat(names("s.vmdk")).containsExactly("s");
    assertThat(disk(at("s.vmdk"))).hasSameBinaryContentAs(at("s"));
    assertShows("s.vmdk", "tree");
  }

  @Tag("root")
  @Test
  void theKernelShowsMergedImages() throws Exception {
    Requires.root();
    shell("mkdir -p upper/d; seq 20000 > upper/d/more; touch -d @5 upper/d upper");
    done("build", at("tree"), "--single", "-o", at("tree.erofs"));
    done("build", at("upper"), "--single", "-o", at("upper.erofs"));
    shell("head -c 5000 /dev/zero >> tree.erofs; cp -a upper/. tree");
    done("merge", at("tree.erofs"), at("upper.erofs"), "-o", at("m"), "--vmdk-desc", at("m.vmdk"));
    assertThat(names("m.vmdk")).containsExactly("m", "tree.erofs", "upper.erofs");
    assertShows("m.vmdk", "tree");
  }

  /** Of images with devices those are in the disk, wherever they are. */
  @Tag("root")
  @Test
  void theKernelShowsMergedIndexes() throws Exception {
    Requires.root();
    shell(
        "mkdir -p upper/d; seq 20000 > upper/d/more; touch -d @5 upper/d upper; mkdir far;"
            + " tar --format=pax -C upper -cf far/upper.tar .");
    done("build", "--tar=i", at("a.tar"), "-o", at("a"));
    done("build", "--tar=i", at("far/upper.tar"), "-o", at("u"));
    done("build", at("upper"), "-b512", "-o", at("s"));
    shell("cp -a upper/. tree");
    done(
        "merge",
        at("a"),
        at("s"),
        at("u"),
        "-o",
        at("m"),
        "--vmdk-desc",
        at("m.vmdk"),
        "--device",
        at("a.tar"),
        "--device",
        at("far/upper.tar"));
    assertThat(names("m.vmdk")).containsExactly("m", "a.tar", "s", "far/upper.tar");
    assertShows("m.vmdk", "tree");
    Object[] merge = {"merge", at("a"), at("u"), "-o", at("out"), "--vmdk-desc", at("x.vmdk")};
    assertRefused(2, "a: has devices, 1 of them: expected --device with the file of each", merge);
    assertRefused(
        2, "u: has devices, 1 of them: expected --device", merge, "--device", at("a.tar"));
    Object[] both = {"--device", at("a.tar"), "--device", at("far/upper.tar")};
    assertRefused(
        2,
        "expected 2, as many as the images have",
        merge,
        Stream.concat(Stream.of(both), Stream.of("--device", at("s"))).toArray());
    shell("head -c 9000 a.tar > short.tar");
    both[1] = at("short.tar");
    assertRefused(1, "short.tar: has 9000 bytes: expected at least", merge, both);
    both[1] = at("tree");
    assertRefused(1, "tree: is no regular file: expected a device of the image", merge, both);
    assertRefused(
        2,
        "--device is for --vmdk-desc",
        new Object[] {"merge", at("a"), at("u"), "-o", at("out")},
        both);
  }

  @Test
  void everyFieldIsThatOfMkfs() throws Exception {
    shell(
        "python3 -c \"import tarfile; f = open('big.tar', 'wb'); m = tarfile.TarInfo('a'); m.size = 5 << 30;"
            + " f.write(m.tobuf(tarfile.GNU_FORMAT)); f.truncate(512 + m.size); f.seek(0, 2);"
            + " m = tarfile.TarInfo('b'); m.size = 3; f.write(m.tobuf(tarfile.GNU_FORMAT) + b'hi' + bytes(1534))\"");
    done(
        "build",
        "--tar=i",
        "-U",
        UUID,
        at("big.tar"),
        "-o",
        at("m.erofs"),
        "--vmdk-desc",
        at("m.vmdk"));
    long sectors = Files.size(at("m.erofs")) / 512;
    assertThat(Files.readString(at("m.vmdk")))
        .isEqualTo(OF_MKFS.replace("RW 3 FLAT", "RW " + sectors + " FLAT"));
  }

  private void assertRefused(int exitCode, String line, Object[] words, Object... more)
      throws IOException {
    List<Path> before = list();
    Program.Outcome outcome = aquifer(Stream.concat(Stream.of(words), Stream.of(more)).toArray());
    assertThat(outcome.errors().getFirst()).startsWith("aquifer: ").contains(line);
    assertThat(outcome.exitCode()).isEqualTo(exitCode);
    assertThat(list()).isEqualTo(before);
  }

  private List<Path> list() throws IOException {
    try (Stream<Path> files = Files.walk(temp)) {
      return files.sorted().toList();
    }
  }

  private Object[] index(String archive, String descriptor) {
    return new Object[] {
      "build", "--tar=i", at(archive), "-o", at("out"), "--vmdk-desc", at(descriptor)
    };
  }

  @Test
  void namesThatADescriptorCantHaveAreRefused() throws Exception {
    String line = "can't be named in a VMDK descriptor: expected at most 511 bytes";
    String deep = ("n".repeat(200) + "/").repeat(3);
    shell(
        "cp a.tar 'a\"b.tar'; cp a.tar 'a\nb.tar'; mkdir 'q\"' -p "
            + deep
            + "; cp a.tar 'q\"'; cp a.tar "
            + deep);
    assertRefused(2, "a\"b.tar: " + line, index("a\"b.tar", "x.vmdk"));
    assertRefused(2, line, index("a\nb.tar", "x.vmdk"));
    assertRefused(2, line, index(deep + "a.tar", "x.vmdk"));
    Object[] single = {"build", at("tree"), "-o", at("o\"ut"), "--vmdk-desc", at("x.vmdk")};
    assertRefused(2, "o\"ut: " + line, single);
    // What lies beside the descriptor has a short name.
    Object[] beside = {
      "build", "--tar=i", at("q\"/a.tar"), "-o", at("q\"/out"), "--vmdk-desc", at("q\"/x\".vmdk")
    };
    done(beside);
    assertThat(names("q\"/x\".vmdk")).containsExactly("out", "a.tar");
  }

  @Test
  void whatIsThereIsKeptUnlessForced() throws Exception {
    Path old = Files.writeString(at("old.vmdk"), "old");
    assertRefused(1, old + ": exists already", index("a.tar", "old.vmdk"));
    assertThat(old).hasContent("old");
    shell("mkdir out; touch out/x");
    assertRefused(1, "out: is no regular file", index("a.tar", "old.vmdk"), "--force");
    assertThat(old).hasContent("old");
    shell("rm -r out");
    done(Stream.concat(Stream.of(index("a.tar", "old.vmdk")), Stream.of("--force")).toArray());
    assertThat(names("old.vmdk")).containsExactly("out", "a.tar");
  }

  @Test
  void everyFileHasAPlaceOfItsOwn() throws Exception {
    shell("ln -s . link; gzip -k a.tar; cp a.tar out");
    assertRefused(
        2, "can't be the descriptor and a device", index("a.tar", "link/a.tar"), "--force");
    // Where a link at the end of a path leads, too: the archive itself would be replaced.
    shell("ln -s a.tar linked.tar");
    assertRefused(
        2, "can't be the descriptor and a device", index("linked.tar", "a.tar"), "--force");
    assertRefused(
        2, "can't be the image and its descriptor", index("a.tar", "link/out"), "--force");
    assertRefused(2, "can't be the archive and its index", index("link/out", "x"), "--force");
    Object[] single = {
      "build", at("a.tar.gz"), "--single", "-o", at("new"), "--vmdk-desc", at("x")
    };
    assertRefused(
        2, "can't be the descriptor and the plain archive", single, "--ungzip=" + at("link/x"));
    assertRefused(
        2,
        "can't be the descriptor and a device",
        single,
        "--chunksize=4096",
        "--blobdev=" + at("x"));
    Object[] inside = {"build", at("tree"), "-o", at("new"), "--vmdk-desc", at("tree/x")};
    assertRefused(1, "the output lies in it", inside);
    done("build", at("tree"), "--single", "-o", at("s"));
    Object[] merge = {"merge", at("s"), at("s"), "--force", "-o", at("link/s")};
    assertRefused(2, "can't be an image and what is made of it", merge);
    done("build", "--tar=i", at("a.tar"), "-o", at("i"));
    Object[] ofDevices = {"merge", at("i"), at("i"), "--force", "--vmdk-desc", at("x")};
    Object[] linked = {"--device", at("linked.tar"), "--device", at("linked.tar")};
    assertRefused(
        2,
        "can't be the image and its device",
        Stream.of(ofDevices, linked).flatMap(Stream::of).toArray(),
        "-o",
        at("a.tar"));
  }

  @Test
  void layoutsHaveNoDescriptor() throws Exception {
    Object[] build = {"build", at("tree"), "-o", at("out"), "--vmdk-desc", at("x")};
    assertRefused(
        2, "--compression and --reuse are for image layouts", build, "--compression=none");
    assertRefused(2, "--blob-per-layer is for image layouts", build, "--blob-per-layer");
  }
}
