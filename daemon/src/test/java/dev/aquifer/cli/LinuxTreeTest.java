package dev.aquifer.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.aquifer.build.BuildResult;
import dev.aquifer.build.ImageBuilder;
import dev.aquifer.build.ImageTree;
import dev.aquifer.build.ReuseImage;
import dev.aquifer.build.SourceEntry;
import dev.aquifer.build.SourceFile;
import dev.aquifer.build.SourceTree;
import dev.aquifer.build.TreeDigest;
import dev.aquifer.build.Xattr;
import dev.aquifer.testing.Requires;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LinuxTreeTest {
  /** Makes in {@code $1} what needs no root. */
  private static final String PLAIN_TREE =
      """
      set -e
      cd "$1"
      printf small >small
      : >empty
      mkfifo -m 640 pipe
      ln -s ../x//y/ link
      ln -s "$(printf '\\377\\376')" rawlink
      printf raw >"$(printf '\\377\\376 raw')"
      printf '\\012' >"$(printf 'new\\nline')"
      mkdir -p d/e 'd/sp ace'
      ln random d/hard
      ln -P link d/hardlink
      cp random d/copy
      chmod 6751 small
      touch -d '2001-02-03 04:05:06.123456789 UTC' small
      touch -d '1960-01-01 00:00:00.5 UTC' d/e
      touch -h -d '1999-01-01 UTC' link
      truncate -s 6G sparse
      dd if=random of=sparse bs=4096 seek=1000000 count=3 conv=notrunc status=none
      setfattr -n user.colour -v blue small
      setfattr -n user.colour -v blue d
      setfattr -n user.empty random
      setfattr -n user.long -v "$(head -c 3000 /dev/zero | tr '\\0' v)" random
      """;

  /** Makes in {@code $1} what needs root. */
  private static final String ROOT_TREE =
      """
      set -e
      cd "$1"
      mknod -m 666 null c 1 3
      mknod block b 259 74565
      mknod -m 0 whiteout c 0 0
      chown 4000000000:3000000001 empty
      chown -h 65536:65535 link
      setfattr -n trusted.t -v 0x00ff01 d/e
      setfattr -h -n trusted.link -v l link
      setfattr -n trusted.node -v n null
      setfattr -n security.mine -v s pipe
      setfacl -m u:1234:rwx,g:55:r small
      setfacl -d -m u:77:rx d
      setcap cap_net_raw+ep random
      """;

  @TempDir Path temp;

  static Path makeTree(Path temp, boolean asRoot) throws Exception {
    Path tree = Files.createDirectory(temp.resolve("tree"));
    byte[] noise = new byte[300_000];
    new Random(1).nextBytes(noise);
    Files.write(tree.resolve("random"), noise);
    try (ServerSocketChannel socket = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      socket.bind(UnixDomainSocketAddress.of(tree.resolve("socket")));
    }
    run("sh", "-c", PLAIN_TREE, "sh", tree.toString());
    if (asRoot) {
      run("sh", "-c", ROOT_TREE, "sh", tree.toString());
    }
    return tree;
  }

  static String run(String... command) throws IOException, InterruptedException {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(output).isZero();
    return output.strip();
  }

  static List<String> lines(SourceTree tree) throws IOException {
    List<String> lines = new ArrayList<>();
    TreeDigest.lines(tree, lines::add);
    return lines;
  }

  private static SourceEntry find(SourceTree tree, String path) throws IOException {
    SourceEntry at = tree.root();
    for (String name : path.split("/")) {
      at =
          tree.children(at).stream()
              .filter(entry -> new String(entry.name(), StandardCharsets.UTF_8).equals(name))
              .findFirst()
              .orElseThrow();
    }
    return at;
  }

  @Test
  void seesWhatIsThere() throws Exception {
    Requires.tool("setfattr");
    try (LinuxTree tree = LinuxTree.open(makeTree(temp, false))) {
      List<String> lines = lines(tree);
      assertThat(lines)
          .hasSize(17)
          .anyMatch(
              line ->
                  line.startsWith("/small 106751 ")
                      && line.contains(" 981173106.123456789 5 ")
                      && line.endsWith(" user.colour=626c7565"))
          .anyMatch(
              line -> line.startsWith("/d/e 40755 ") && line.contains(" -315619200.500000000"))
          .anyMatch(line -> line.startsWith("/pipe 10640 "))
          .anyMatch(line -> line.startsWith("/socket 140"))
          .anyMatch(line -> line.startsWith("/d/hardlink 120777 ") && line.endsWith(" -> ../x//y/"))
          .anyMatch(line -> line.startsWith("/rawlink ") && line.endsWith(" -> %FF%FE"))
          .anyMatch(line -> line.startsWith("/%FF%FE%20raw 100"))
          .anyMatch(line -> line.startsWith("/new%0Aline 100"))
          .contains("/random same as /d/hard", "/link same as /d/hardlink");
      SourceEntry sparse = find(tree, "sparse");
      try (SourceFile file = tree.open(sparse)) {
        assertThat(file.nextData(0)).isEqualTo(4096L * 1_000_000);
        assertThat(file.nextHole(file.nextData(0))).isEqualTo(4096L * 1_000_003);
        assertThat(file.nextData(4096L * 1_000_003)).isEqualTo(6L << 30);
        assertThat(file.nextHole(0)).isZero();
      }
    }
  }

  @Test
  @Tag("root")
  void seesWhatOnlyRootCanMake() throws Exception {
    Requires.root();
    Requires.tool("setfacl");
    Requires.tool("setcap");
    try (LinuxTree tree = LinuxTree.open(makeTree(temp, true))) {
      assertThat(lines(tree))
          .anyMatch(
              line ->
                  line.startsWith("/null 20666 ") && line.endsWith(" rdev 0x103 trusted.node=6e"))
          .anyMatch(line -> line.startsWith("/block 60") && line.contains(" rdev 0x12310345"))
          .anyMatch(line -> line.startsWith("/empty 100644 4000000000:3000000001 "))
          .anyMatch(
              line -> line.startsWith("/d/hardlink 120777 65536:65535 ") && line.endsWith("=6c"))
          .anyMatch(line -> line.startsWith("/d/e ") && line.endsWith(" trusted.t=00ff01"))
          .anyMatch(line -> line.startsWith("/pipe ") && line.endsWith(" security.mine=73"))
          .anyMatch(line -> line.contains(" security.capability="))
          .anyMatch(
              line -> line.startsWith("/small ") && line.contains(" system.posix_acl_access=02"))
          .anyMatch(
              line -> line.startsWith("/d ") && line.contains(" system.posix_acl_default=02"));
    }
  }

  @Test
  void anImageHoldsWhatTheDirectoryHolds() throws Exception {
    Requires.tool("setfattr");
    try (LinuxTree tree = LinuxTree.open(makeTree(temp, false))) {
      BuildResult result = ImageBuilder.defaults().buildLayout(tree, temp.resolve("out"));
      assertThat(result.bytes().holes()).isGreaterThan((6L << 30) - (1 << 20));
      try (ReuseImage image = ReuseImage.open(temp.resolve("out"))) {
        assertThat(lines(ImageTree.of(image.image()))).isEqualTo(lines(tree));
      }
    }
  }

  @Test
  void pathsLongerThanSystemCallsTakeAreRead() throws Exception {
    Path root = Files.createDirectory(temp.resolve("deep"));
    // 40 times 250 bytes: 10,000, more than twice what a call takes.
    run(
        "sh",
        "-c",
        "cd \"$1\"; n=$(head -c 249 /dev/zero | tr '\\0' n); i=0;"
            + " while [ $i -lt 40 ]; do mkdir $n && cd -P ./$n || exit 1; i=$((i+1)); done;"
            + " echo bottom >f; ln -s t l",
        "sh",
        root.toString());
    try (LinuxTree tree = LinuxTree.open(root)) {
      List<String> lines = lines(tree);
      assertThat(lines).hasSize(43);
      assertThat(lines.getLast()).endsWith(" -> t");
      ImageBuilder.defaults().buildLayout(tree, temp.resolve("out"));
      try (ReuseImage image = ReuseImage.open(temp.resolve("out"))) {
        assertThat(lines(ImageTree.of(image.image()))).isEqualTo(lines);
      }
    } finally {
      // Java itself can't remove such a path.
      run("rm", "-rf", root.toString());
    }
  }

  @Test
  void aRootAsLongAsAPathMayBeIsRead() throws Exception {
    Path top = Files.createDirectory(temp.resolve("deep"));
    Path root = top;
    while (root.toString().length() < 3840) {
      root = root.resolve("r".repeat(Math.min(200, 4000 - root.toString().length())));
    }
    Files.createDirectories(root);
    try (LinuxTree tree = LinuxTree.open(root)) {
      String name = "n".repeat(250);
      run("sh", "-c", "cd -P \"$1\" && mkdir $2 && cd -P $2 && echo x >f", "sh", root + "", name);
      assertThat(lines(tree)).hasSize(3).last().asString().startsWith("/" + name + "/f 100");
    } finally {
      run("rm", "-rf", top.toString());
    }
  }

  @Test
  void aDirectoryThatWasReplacedIsNoticed() throws Exception {
    Path root = Files.createDirectory(temp.resolve("t"));
    Files.createDirectory(root.resolve("d"));
    Files.createDirectories(root.resolve("a/b"));
    Path outside = Files.createDirectories(temp.resolve("outside/b"));
    Files.writeString(outside.resolve("secret"), "x");
    try (LinuxTree tree = LinuxTree.open(root)) {
      SourceEntry directory = find(tree, "d");
      SourceEntry below = find(tree, "a/b");
      assertThat(tree.children(directory)).isEmpty();
      Files.move(root.resolve("d"), root.resolve("e"));
      Files.createDirectory(root.resolve("d"));
      assertThatThrownBy(() -> tree.children(directory))
          .hasMessage(
              root
                  + ": /d: was replaced by another directory while the tree was read:"
                  + " build from a tree at rest");
      Files.move(root.resolve("a"), root.resolve("f"));
      Files.createSymbolicLink(root.resolve("a"), outside.getParent());
      assertThatThrownBy(() -> tree.children(below)).hasMessageContaining("was replaced");
    }
  }

  @Test
  void manyAndLargeAttributesAreRead() throws Exception {
    Path root = Files.createDirectory(temp.resolve("x"));
    Path file = Files.writeString(root.resolve("f"), "");
    StringBuilder script = new StringBuilder("set -e\n");
    for (int i = 0; i < 60; i++) {
      script.append("setfattr -n user.").append("n".repeat(40)).append(i).append(" -v v \"$1\"\n");
    }
    Requires.tool("setfattr");
    run("sh", "-c", script.toString(), "sh", file.toString());
    try (LinuxTree tree = LinuxTree.open(root)) {
      List<Xattr> xattrs = tree.xattrs(find(tree, "f"));
      assertThat(xattrs).hasSize(60);
      assertThat(xattrs.getFirst().value()).containsExactly('v');
    }
  }

  @Test
  void whatIsNoDirectoryIsRefused() throws Exception {
    Path file = Files.writeString(temp.resolve("file"), "");
    assertThatThrownBy(() -> LinuxTree.open(file))
        .hasMessage(file + ": can't be listed: ENOTDIR (Not a directory)");
    assertThatThrownBy(() -> LinuxTree.open(temp.resolve("none")))
        .hasMessage(temp.resolve("none") + ": no such directory");
  }

  @Test
  void aFileThatChangesIsNoticed() throws Exception {
    Path root = Files.createDirectory(temp.resolve("t"));
    Path path = root.resolve("f");
    Files.write(path, new byte[10_000]);
    try (LinuxTree tree = LinuxTree.open(root)) {
      SourceEntry entry = find(tree, "f");
      try (SourceFile file = tree.open(entry)) {
        assertThat(file.readBytes(9_000, 1_000)).hasSize(1_000);
        file.checkUnchanged();
        Files.write(path, new byte[20_000]);
        assertThatThrownBy(file::checkUnchanged)
            .hasMessage(
                root
                    + ": /f: changed while it was read: it has 20000 bytes now: expected the 10000"
                    + " bytes that were listed; build from a tree at rest");
        Files.write(path, new byte[500]);
        assertThatThrownBy(() -> file.readBytes(0, 1_000))
            .hasMessageContaining("/f: changed while it was read: it ends at byte 500");
      }
      Files.write(path, new byte[10_000]);
      try (SourceFile file = tree.open(entry)) {
        assertThatThrownBy(file::checkUnchanged)
            .hasMessageContaining("it was written to or replaced");
      }
      Files.delete(path);
      assertThatThrownBy(() -> tree.open(entry))
          .hasMessage(root + ": /f: can't be read: it vanished while the tree was read");
      assertThatThrownBy(() -> tree.xattrs(entry)).hasMessageContaining("it vanished");
      Files.createSymbolicLink(path, Path.of("/etc/passwd"));
      assertThatThrownBy(() -> tree.open(entry)).hasMessageContaining("/f: can't be read");
    }
  }

  @Test
  void theOutputMustNotLieInTheTree() throws Exception {
    Path root = Files.createDirectory(temp.resolve("t"));
    try (LinuxTree tree = LinuxTree.open(root)) {
      assertThatThrownBy(() -> ImageBuilder.defaults().buildLayout(tree, root.resolve("out")))
          .hasMessageContaining("the output lies in it");
    }
    assertThat(root).isEmptyDirectory();
  }

  @Test
  @Tag("root")
  void aFileThatMayNotBeReadIsNamed() throws Exception {
    Requires.root();
    Requires.tool("setpriv");
    Path root = Files.createDirectory(temp.resolve("t"));
    Files.writeString(root.resolve("secret"), "s".repeat(5000));
    // Nobody may read what lies below root's home, where Maven keeps its jars.
    Path classes = Files.createDirectory(temp.resolve("classes"));
    StringBuilder classPath = new StringBuilder();
    for (String entry : System.getProperty("java.class.path").split(":")) {
      if (Files.exists(Path.of(entry))) {
        Path copy = classes.resolve("" + classPath.length());
        run("cp", "-r", entry, copy.toString());
        classPath.append(copy).append(':');
      }
    }
    run("chmod", "-R", "go+rX", temp.toString());
    run("chmod", "600", root.resolve("secret").toString());
    run("chmod", "777", temp.toString());
    Process process =
        new ProcessBuilder(
                "setpriv",
                "--reuid=65534",
                "--regid=65534",
                "--clear-groups",
                Path.of(System.getProperty("java.home"), "bin/java").toString(),
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                classPath.toString(),
                TryBuild.class.getName(),
                root.toString(),
                temp.resolve("out").toString())
            .redirectErrorStream(true)
            .start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    process.waitFor();
    assertThat(output).contains(root + ": /secret: can't be read: EACCES (Permission denied)");
    assertThat(temp.resolve("out")).doesNotExist();
  }

  /** Builds {@code args[1]} from {@code args[0]} in a process of its own; prints its error. */
  static final class TryBuild {
    public static void main(String[] args) {
      try (LinuxTree tree = LinuxTree.open(Path.of(args[0]))) {
        ImageBuilder.defaults().buildLayout(tree, Path.of(args[1]));
      } catch (IOException e) {
        System.out.println(e.getMessage());
      }
    }
  }
}
