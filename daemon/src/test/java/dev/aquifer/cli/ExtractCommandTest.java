package dev.aquifer.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.aquifer.image.FileType;
import dev.aquifer.image.GoldenImages;
import dev.aquifer.image.Image;
import dev.aquifer.image.Inode;
import dev.aquifer.image.PatchedImage;
import dev.aquifer.io.ByteSource;
import dev.aquifer.linux.FileCalls;
import dev.aquifer.linux.OtherUser;
import dev.aquifer.testing.Requires;
import dev.aquifer.tool.WalkEntry;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.nio.file.attribute.UserDefinedFileAttributeView;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is extracted is what the image has, and nothing is written elsewhere. */
class ExtractCommandTest {
  @TempDir Path temp;
  private GoldenImages images;
  private Path target;

  @BeforeEach
  void load() throws IOException {
    images = GoldenImages.ofResources();
    target = temp.resolve("target");
  }

  private static void ok(Object... command) {
    Program.Outcome outcome = Program.run(command);
    assertThat(outcome.exitCode()).as(outcome.err()).isZero();
  }

  @Test
  @Tag("root")
  void aDirectoryIsAsTheImage() throws IOException {
    Requires.root();
    for (String id :
        List.of("02-extended-inode", "20-xattr", "11-manydir", "12-idtime", "38-zstd", "57-tfd")) {
      Path image = images.write(id, temp);
      Path directory = temp.resolve(id);

      ok("extract", image, directory);

      // Directories of a disk file system have sizes of their own; all else is compared.
      Program.Outcome diff = Program.run("diff", image, directory);
      assertThat(diff.out()).as(id).isEmpty();
      assertThat(diff.exitCode()).as(diff.err()).isZero();
    }
  }

  @Test
  @Tag("root")
  void aTarStreamIsAsTheImage() throws Exception {
    Requires.root();
    Requires.tool("tar");
    for (String id : List.of("20-xattr", "11-manydir", "12-idtime", "38-zstd")) {
      Path image = images.write(id, temp);
      Path tar = temp.resolve(id + ".tar");
      Path directory = Files.createDirectory(temp.resolve(id));

      ok("extract", image, "--tar", tar);
      LinuxTreeTest.run(
          "tar",
          "--xattrs",
          "--xattrs-include=*",
          "--warning=none",
          "-xpf",
          tar.toString(),
          "-C",
          directory.toString());

      Program.Outcome diff = Program.run("diff", image, directory);
      assertThat(diff.out().lines().filter(line -> !line.startsWith("/sock:"))).as(id).isEmpty();
    }
  }

  @Test
  @Tag("root")
  void theKernelShowsTheSame() throws Exception {
    Requires.root();
    Requires.that(
        Files.readString(Path.of("/proc/filesystems")).contains("\terofs\n"),
        "needs a kernel with EROFS");
    Path mountPoint = Files.createDirectory(temp.resolve("mnt"));
    for (String id : List.of("02-extended-inode", "20-xattr", "12-idtime", "57-tfd", "90-48bit")) {
      Path image = images.write(id, temp);
      LinuxTreeTest.run(
          "mount", "-t", "erofs", "-o", "ro,loop", image.toString(), mountPoint.toString());
      try {
        Program.Outcome diff = Program.run("diff", image, mountPoint);
        assertThat(diff.out() + diff.err()).as(id).isEmpty();
        String find = "cd " + mountPoint + " && find . -printf '%M %n %U %G %s\\n' | LC_ALL=C sort";
        assertThat(listed(image)).as(id).isEqualTo(LinuxTreeTest.run("sh", "-c", find).strip());
      } finally {
        LinuxTreeTest.run("umount", mountPoint.toString());
      }
    }
  }

  /** What {@code ls -lR} says of each file: mode, links, owner, group, size. */
  private static String listed(Path image) {
    StringBuilder lines = new StringBuilder();
    for (String option : List.of("-ld", "-lR")) {
      Program.run("ls", option, image, "/")
          .out()
          .lines()
          .filter(line -> line.matches("[-dlcbps][-rwxsStT]{9}.*"))
          .map(ExtractCommandTest::columns)
          .forEach(line -> lines.append(line).append('\n'));
    }
    return lines.toString().lines().sorted().collect(java.util.stream.Collectors.joining("\n"));
  }

  private static String columns(String line) {
    String[] words = line.split(" +");
    boolean isDevice = words[4].endsWith(",");
    String mode = words[0].substring(0, 10);
    return String.join(" ", mode, words[1], words[2], words[3], isDevice ? "0" : words[4]);
  }

  @Test
  @Tag("root")
  void readOnlyFilesGetTheirAttributesFromAnyUser() throws Exception {
    Requires.root();
    byte[] bytes = images.bytes("20-xattr");
    Image image = Image.open(ByteSource.of("image", bytes));
    PatchedImage patched = new PatchedImage(bytes);
    List<String> names = new ArrayList<>();
    image
        .directory(image.root())
        .forEach(
            entry -> {
              Inode inode = image.inode(entry);
              boolean hasUsers =
                  image.xattrs(inode).keySet().stream().anyMatch(name -> name.startsWith("user."));
              if (hasUsers && inode.type() == FileType.REGULAR) {
                patched.u16(inode.positionBytes() + 4, inode.type().modeBits() | 0444);
                names.add(new String(entry.name(), StandardCharsets.UTF_8));
              }
            });
    assertThat(names).isNotEmpty();
    Path file = Files.write(temp.resolve("readonly.erofs"), patched.bytes());
    Files.setPosixFilePermissions(temp, PosixFilePermissions.fromString("rwxrwxrwx"));

    Program.Outcome outcome =
        OtherUser.run(() -> Program.run("extract", file, target, "--no-same-owner"));

    assertThat(outcome.exitCode()).as(outcome.err()).isZero();
    for (String name : names) {
      assertThat(Files.getAttribute(target.resolve(name), "unix:uid")).isEqualTo(OtherUser.UID);
      assertThat(
              Files.getFileAttributeView(target.resolve(name), UserDefinedFileAttributeView.class)
                  .list())
          .as(name)
          .isNotEmpty();
    }
  }

  @Test
  void holesStayHoles() throws IOException {
    Path image = images.write("A5-chunk-4G", temp);

    ok("extract", image, target, "--no-same-owner");

    long apparent = 0;
    long used = 0;
    try (var files = Files.walk(target)) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        apparent += Files.size(file);
        try (LinuxTree ignored = LinuxTree.open(target)) {
          int fd = FileCalls.open(file.toString().getBytes(StandardCharsets.UTF_8), 0);
          long hole = FileCalls.nextHole(fd, 0);
          used += Math.max(0, hole);
          FileCalls.close(fd);
        }
      }
    }
    assertThat(apparent).isGreaterThan(4L << 30);
    assertThat(used).isLessThan(64 << 20);
  }

  @Test
  void partOfAnImageCanBeExtracted() throws IOException {
    Path image = images.write("02-extended-inode", temp);

    ok("extract", image, target, "--path", "dir/sub", "--no-same-owner");

    assertThat(Files.readString(target.resolve("subsub/deep"))).isEqualTo("deep\n");
    assertThat(Program.run("extract", image, temp.resolve("x"), "--path", "/small").err())
        .contains("/small: is a regular file, no directory");
    assertThat(Program.run("extract", image).exitCode()).isEqualTo(2);
  }

  @Test
  void aTargetThatIsNotEmptyIsRefused() throws IOException {
    Path image = images.write("02-extended-inode", temp);
    Files.createDirectory(target);
    Path file = Files.writeString(target.resolve("small"), "mine");

    Program.Outcome outcome = Program.run("extract", image, target);

    assertThat(outcome.exitCode()).isOne();
    assertThat(outcome.errors())
        .containsExactly(
            "aquifer: " + target + ": is not empty: extract to a new or an empty directory");
    assertThat(Files.readString(file)).isEqualTo("mine");
    assertThat(Program.run("extract", image, file).err()).contains("is no directory");
  }

  @Test
  void anEmptyNameIsNoTarget() throws IOException {
    Path image = images.write("02-extended-inode", temp);

    Program.Outcome outcome = Program.run("extract", image, "");

    assertThat(outcome.exitCode()).isEqualTo(2);
    assertThat(outcome.err()).contains("aquifer: expected the name of a directory for DIR");
  }

  @Test
  void operandsMeanTheSameBesideOptionsAndWithoutAny() throws IOException {
    Path image = images.write("02-extended-inode", temp);
    Path nowhere = temp.resolve("nowhere");
    Path file = Files.writeString(temp.resolve("file"), "data");

    for (Path[] operands : new Path[][] {{nowhere, target}, {image, file}, {image, Path.of("")}}) {
      Program.Outcome alone = Program.run("extract", operands[0], operands[1]);
      assertThat(alone).isEqualTo(Program.run("extract", "--threads", 2, operands[0], operands[1]));
      assertThat(alone.exitCode()).isNotZero();
    }
    assertThat(Program.run("extract", image, target, "more").err())
        .contains("unmatched argument at index 3: 'more'");
    // The parser alone reads a file of arguments.
    Files.writeString(file, image.toString());
    ok("extract", "@" + file, target);
    assertThat(Files.readString(target.resolve("dir/sub/subsub/deep"))).isEqualTo("deep\n");
  }

  @Test
  @Tag("root")
  void aLinkWithSeveralNamesIsMadeOnce() throws Exception {
    Requires.root();
    Requires.tool("mkfs.erofs");
    Path source = Files.createDirectory(temp.resolve("source"));
    String make = "cd " + source + " && ln -s /nowhere a && ln a b && mkdir d && ln a d/c";
    LinuxTreeTest.run("sh", "-c", make);
    Path image = temp.resolve("image.erofs");
    LinuxTreeTest.run("mkfs.erofs", image.toString(), source.toString());

    ok("extract", image, target);

    for (String name : List.of("a", "b", "d/c")) {
      Path link = target.resolve(name);
      assertThat(Files.readSymbolicLink(link)).isEqualTo(Path.of("/nowhere"));
      assertThat(Files.getAttribute(link, "unix:nlink", LinkOption.NOFOLLOW_LINKS)).isEqualTo(3);
    }
    assertThat(Program.run("diff", image, target).out()).isEmpty();
  }

  @Test
  void aLinkThatCantBeMadeIsTold() throws IOException {
    Image image = images.open("02-extended-inode");
    Files.createDirectory(target);
    Files.writeString(target.resolve("there"), "mine");
    int root =
        FileCalls.open(target.toString().getBytes(StandardCharsets.UTF_8), FileCalls.O_DIRECTORY);
    Inode link = image.lookup("dir/uplink");
    assertThat(link.type()).isEqualTo(FileType.SYMBOLIC_LINK);
    try (DirectorySink sink =
        new DirectorySink("target", root, false, 1, new LeftOut(), bytes -> {})) {
      sink.enterDirectory(entry("/", 0, image.root()), new TreeMap<>());
      sink.symbolicLink(entry("/there", 1, link), new TreeMap<>(), bytes("x"));
      sink.leaveDirectory(entry("/", 0, image.root()));

      assertThat(thrownBy(sink::finish)).contains("/there: can't be made: EEXIST");
    }
    assertThat(Files.readString(target.resolve("there"))).isEqualTo("mine");
  }

  /** Replaces the last occurrence of {@code from} in the image. */
  private Path patched(String from, String to) throws IOException {
    byte[] bytes = images.bytes("01-compact-inode");
    String text = new String(bytes, StandardCharsets.ISO_8859_1);
    int at = text.lastIndexOf(from);
    assertThat(at).isPositive();
    PatchedImage patched = new PatchedImage(bytes);
    for (int i = 0; i < to.length(); i++) {
      patched.u8(at + i, to.charAt(i));
    }
    return Files.write(temp.resolve("hostile.erofs"), patched.bytes());
  }

  private void isRefused(Path image, String message) throws IOException {
    Path outside = Files.writeString(temp.resolve("outside"), "untouched");
    Program.Outcome outcome = Program.run("extract", image, target, "--no-same-owner");

    assertThat(outcome.exitCode()).isOne();
    assertThat(outcome.errors().getLast())
        .startsWith("aquifer: " + image + ": ")
        .contains(message)
        .endsWith("; " + target + " holds what was extracted until then");
    assertThat(Files.readString(outside)).isEqualTo("untouched");
    try (var files = Files.list(temp)) {
      assertThat(files.map(path -> path.getFileName().toString()))
          .containsExactlyInAnyOrder("hostile.erofs", "outside", "target");
    }
  }

  @Test
  void namesThatLeadOutAreRefused() throws IOException {
    // The directory /dir has the names dupA, dupB, dupC, hard, sub, uplink back to back.
    isRefused(patched("dupAdupBdupC", "dupAdu/BdupC"), "a byte that no name has");
  }

  @Test
  void namesThatComeTwiceAreRefused() throws IOException {
    isRefused(patched("dupAdupBdupC", "dupAdupAdupC"), "does not come after 'dupA'");
  }

  @Test
  void dotsAreRefused() throws IOException {
    isRefused(patched("dupAdupBdupC", "dupA..\0\0dupC"), "a byte that no name has");
  }

  @Test
  void aDirectoryInItselfIsRefused() throws IOException {
    byte[] bytes = images.bytes("01-compact-inode");
    Image image = Image.open(ByteSource.of("image", bytes));
    Inode parent = image.lookup("dir");
    long sub = image.lookup("dir/sub").nid();
    long at = ((dev.aquifer.image.Extent.Plain) image.map(parent, 0)).addressBytes();
    while (java.nio.ByteBuffer.wrap(bytes).order(java.nio.ByteOrder.LITTLE_ENDIAN).getLong((int) at)
        != sub) {
      at += 12;
    }
    byte[] looped = new PatchedImage(bytes).u64(at, parent.nid()).bytes();

    isRefused(Files.write(temp.resolve("hostile.erofs"), looped), "second time");
  }

  @Test
  void linksOfTheImageAreMadeAndNotFollowed() throws IOException {
    Path image = patched("../small", "/etc////");

    ok("extract", image, target, "--no-same-owner");

    assertThat(Files.readSymbolicLink(target.resolve("dir/uplink")).toString()).startsWith("/etc");
  }

  @Test
  void aLinkThatIsPutIntoTheTargetMeanwhileIsNotFollowed() throws IOException {
    Image image = images.open("02-extended-inode");
    Path outside = Files.createDirectory(temp.resolve("outside"));
    Files.writeString(outside.resolve("first"), "secret");
    Files.createDirectory(target);
    int root =
        FileCalls.open(target.toString().getBytes(StandardCharsets.UTF_8), FileCalls.O_DIRECTORY);
    Inode file = image.lookup("small");
    Inode directory = image.lookup("dir");
    try (DirectorySink sink =
        new DirectorySink("target", root, false, 1, new LeftOut(), bytes -> {})) {
      sink.enterDirectory(entry("/", 0, image.root()), new TreeMap<>());
      sink.enterDirectory(entry("/d", 1, directory), new TreeMap<>());
      sink.regularFile(entry("/d/first", 2, file), new TreeMap<>(), image);
      sink.leaveDirectory(entry("/d", 1, directory));
      Files.move(target.resolve("d"), temp.resolve("moved"));
      Files.createSymbolicLink(target.resolve("d"), outside);

      assertThat(thrownBy(() -> sink.hardLink(entry("/second", 1, file), bytes("/d/first"))))
          .contains("/second: can't be made a link to /d/first");
      assertThat(thrownBy(() -> sink.enterDirectory(entry("/d", 1, directory), new TreeMap<>())))
          .contains("/d: can't be made: EEXIST");
      assertThat(thrownBy(() -> sink.regularFile(entry("/d", 1, file), new TreeMap<>(), image)))
          .contains("/d: can't be written: EEXIST");
    }
    assertThat(Files.readString(outside.resolve("first"))).isEqualTo("secret");
    assertThat(Files.exists(target.resolve("second"))).isFalse();
  }

  private interface Call {
    void run() throws IOException;
  }

  private static String thrownBy(Call call) {
    try {
      call.run();
    } catch (IOException e) {
      return String.valueOf(e.getMessage());
    }
    throw new AssertionError("nothing was thrown");
  }

  private static WalkEntry entry(String path, int depth, Inode inode) {
    String name = path.substring(path.lastIndexOf('/') + 1);
    return new WalkEntry(bytes(path), bytes(name), depth, false, inode);
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }
}
