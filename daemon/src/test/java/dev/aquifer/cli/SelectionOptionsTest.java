package dev.aquifer.cli;

import static dev.aquifer.cli.LinuxTreeTest.run;
import static org.assertj.core.api.Assertions.assertThat;

import dev.aquifer.build.ImageTree;
import dev.aquifer.nio.OpenOptions;
import dev.aquifer.nio.OpenedImage;
import dev.aquifer.testing.Requires;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Options that mkfs.erofs has, too, do what they do there. */
class SelectionOptionsTest {
  @TempDir Path temp;
  private Path tree;
  private int images;

  @BeforeEach
  void makeTree() throws Exception {
    tree = Files.createDirectories(temp.resolve("tree"));
    run(
        "sh",
        "-ec",
        "cd \"$1\"; mkdir -p a/b/c usr/bin 'sp ace' dev; echo 1 > a/b/c/f; echo 2 > a/f; echo 3 > f;"
            + " echo 4 > usr/bin/sh; echo 5 > 'sp ace/f[1]'; echo 6 > a.b; echo 7 > aXb; ln -s f l;"
            + " mkfifo dev/p; echo 8 > usr/bin/su; echo 9 > a/f~;"
            + " touch -d @1000.5 a/f; touch -d @2000.5 f; touch -d @3000 aXb; touch -hd @500 l",
        "sh",
        tree.toString());
  }

  private List<String> lines(Object... options) throws IOException {
    Path output = temp.resolve("image" + images++);
    List<Object> words = new ArrayList<>(List.of("build", tree, "-o", output));
    words.addAll(List.of(options));
    Program.Outcome outcome = Program.run(words.toArray());
    assertThat(outcome.exitCode()).as(outcome.err()).isZero();
    return lines(output);
  }

  private static List<String> lines(Path image) throws IOException {
    try (OpenedImage opened = OpenedImage.open(image.toString(), OpenOptions.DEFAULT)) {
      return LinuxTreeTest.lines(ImageTree.of(opened.image()));
    }
  }

  private List<String> ofMkfs(String... options) throws Exception {
    Path output = temp.resolve("image" + images++);
    List<String> words = new ArrayList<>(List.of("mkfs.erofs"));
    words.addAll(List.of(options));
    words.addAll(List.of(output.toString(), tree.toString()));
    run(words.toArray(String[]::new));
    return lines(output);
  }

  private static List<String> paths(List<String> lines) {
    return lines.stream().map(line -> line.split(" ")[0]).toList();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "--exclude-path=a/b",
        "--exclude-path=f",
        "--exclude-path=sp ace/f[1]",
        "--exclude-path=b",
        "--exclude-regex=f$",
        "--exclude-regex=^f",
        "--exclude-regex=a.b",
        "--exclude-regex=a\\.b",
        "--exclude-regex=^(a|usr)/",
        "--exclude-regex=[[:upper:]]",
        "--exclude-regex=\\[[0-9]]",
        "--exclude-regex=s[uh]$",
        "--exclude-regex=(.)/\\1",
        "--exclude-regex=^a(/[^/]+){2,}$",
        "--exclude-regex=^.{3}$",
        "--exclude-regex=\\<b",
        "--exclude-regex=[]~]",
        "--exclude-regex=[^a-zA-Z/ ]",
        "--exclude-regex=a+/?f*$",
        "--exclude-regex=x|l$|^dev",
        "--all-root",
        "--force-uid=7",
        "--force-uid=70000 --force-gid=8",
        "-x-1",
      })
  void asMkfsHasIt(String options) throws Exception {
    Requires.tool("mkfs.erofs");
    String[] words =
        options.contains("-path=sp ") || options.contains("/ ]")
            ? new String[] {options}
            : options.split(" ");
    assertThat(lines((Object[]) words)).isEqualTo(ofMkfs(words));
  }

  @Test
  void aTimeForAllFiles() throws Exception {
    Requires.tool("mkfs.erofs");
    assertThat(lines("-T", "1234")).isEqualTo(ofMkfs("-T1234"));
    assertThat(lines("-T1234", "--all-time")).isEqualTo(ofMkfs("-T1234"));
    assertThat(lines("-T", "1234", "--mkfs-time")).isEqualTo(lines());
  }

  @Test
  void timesHaveALimit() throws Exception {
    // As mkfs.erofs 1.9.3 has it: what is of that very second loses its fraction.
    List<String> lines = lines("--source-date-epoch", "2000");
    assertThat(lines)
        .filteredOn(line -> line.startsWith("/f "))
        .singleElement()
        .asString()
        .contains(" 2000.000000000 ");
    assertThat(lines)
        .filteredOn(line -> line.startsWith("/a/f "))
        .singleElement()
        .asString()
        .contains(" 1000.500000000 ");
    assertThat(lines)
        .filteredOn(line -> line.startsWith("/aXb "))
        .singleElement()
        .asString()
        .contains(" 2000.000000000 ");
    assertThat(lines)
        .filteredOn(line -> line.startsWith("/l "))
        .singleElement()
        .asString()
        .contains(" 500.000000000 ");
    assertThat(lines("--source-date-epoch", "9", "-T2000")).isEqualTo(lines);
    assertThat(lines("--source-date-epoch", "2000", "--all-time")).isEqualTo(lines("-T2000"));
    assertThat(lines("--source-date-epoch", "2000", "--mkfs-time")).isEqualTo(lines());
  }

  @Test
  void offsetsOfOwners() throws Exception {
    assertThat(
            lines(
                "--force-uid", "5", "--uid-offset", "100000", "--gid-offset", "3", "--force-gid=0"))
        .isEqualTo(lines("--force-uid", "100005", "--force-gid", "3"));
    Program.Outcome outcome =
        Program.run(
            "build",
            tree,
            "-o",
            temp.resolve("no"),
            "--force-uid",
            "1",
            "--uid-offset",
            "4294967295");
    assertThat(outcome.err())
        .startsWith(
            "aquifer: " + tree + ": /: its uid would be 4294967296: expected at most 4294967295");
    assertThat(Files.exists(temp.resolve("no"))).isFalse();
  }

  @Test
  void globs() throws Exception {
    assertThat(paths(lines("--exclude", "f*", "--exclude", "usr/*/s?", "--exclude=/dev")))
        .containsExactly(
            "/", "/a", "/a/b", "/a/b/c", "/a.b", "/aXb", "/l", "/sp%20ace", "/usr", "/usr/bin");
  }

  @Test
  void directoriesAboveTheTree() throws Exception {
    List<String> plain = lines();
    List<String> below = lines("--prefix", "/x//y/");
    assertThat(paths(below).subList(0, 3)).containsExactly("/", "/x", "/x/y");
    String time = plain.getFirst().split(" ")[3];
    assertThat(below.getFirst()).isEqualTo("/ 40755 0:0 " + time);
    assertThat(below.subList(2, below.size()))
        .isEqualTo(
            plain.stream()
                .map(line -> "/x/y" + (line.startsWith("/ ") ? line.substring(1) : line))
                .toList());
  }

  @ParameterizedTest
  @ValueSource(strings = {"-x-1", "--no-xattrs"})
  void marksOfDirectoriesNeedAttributes(String without) throws Exception {
    Files.createFile(tree.resolve("a/.wh..wh..opq"));
    Path output = temp.resolve("no");
    Program.Outcome outcome = Program.run("build", tree, "-o", output, "--aufs", without);
    assertThat(outcome.exitCode()).isEqualTo(2);
    assertThat(outcome.err())
        .startsWith("aquifer: --aufs: its marks of directories are attributes: expected no ");
    assertThat(output).doesNotExist();
    assertThat(paths(lines("--aufs", "--ovlfs-strip", without))).doesNotContain("/a/.wh..wh..opq");
  }

  @Test
  void badOptionsAreRefusedInOneLine() {
    for (List<String> each :
        List.of(
            List.of("--exclude-regex=(", "it has a ( that none closes"),
            List.of("--exclude-regex=*a", "nothing that could be repeated before *"),
            List.of("--exclude-regex=[[:no:]]", "it has an unknown class of characters"),
            List.of("--force-uid=-1", "-1: expected 0 to 4294967295"),
            List.of("--source-date-epoch=x", "source date epoch 'x': expected seconds since 1970"),
            List.of("--all-time", "--all-time needs -T SECONDS"),
            List.of("--prefix=a/../b", "expected no .."))) {
      Program.Outcome outcome =
          Program.run("build", tree, "-o", temp.resolve("no"), each.getFirst());
      assertThat(outcome.exitCode()).as(each.getFirst()).isEqualTo(2);
      assertThat(outcome.errors().getFirst()).contains(each.getLast());
    }
  }

  private static final String CONTEXTS =
      """
      # comment
      /.*\t\tsystem_u:object_r:default_t:s0
      /usr/.*                 u:r:usr_t
      /usr/bin/sh --          u:r:sh_t
      /usr/bin/s.             u:r:any_t
      /a(/.*)?        -d      u:r:dirs_t
      /a/b(/.*)?              u:r:b_t
      /a/b/c/f        -d      u:r:never_t
      /l              -l      u:r:link_t
      /dev/p          -p      u:r:fifo_t
      /a\\.b                  u:r:dot_t
      /aXb                    <<none>>
      /f                      u:r:first_t
      /f                      u:r:first_t
      /[u]sr/bin              u:r:late_t
      """;

  @Test
  void labelsByFileContextsAsMkfs() throws Exception {
    Requires.tool("mkfs.erofs");
    Path contexts = Files.writeString(temp.resolve("file_contexts"), CONTEXTS);
    assertThat(lines("--file-contexts", contexts)).isEqualTo(ofMkfs("--file-contexts=" + contexts));
  }

  @Test
  void labelsBelowAMountPoint() throws Exception {
    Path contexts =
        Files.writeString(
            temp.resolve("file_contexts"),
            "/system(/.*)? u:r:in\n/system/usr/bin u:r:bin\n/f u:r:out\n");
    List<String> lines = lines("--file-contexts", contexts, "--mount-point", "/system/");
    assertThat(lines)
        .filteredOn(line -> line.startsWith("/usr/bin "))
        .singleElement()
        .asString()
        .endsWith(" security.selinux=753a723a62696e");
    assertThat(lines)
        .filteredOn(line -> line.endsWith("security.selinux=753a723a696e"))
        .hasSize(lines.size() - 1);
  }

  @Test
  void badFileContextsAreRefused() throws Exception {
    Path contexts = temp.resolve("file_contexts");
    for (List<String> each :
        List.of(
            List.of("/a\n/b u\n", ": line 1: has 1 fields"),
            List.of("\n/b -x u\n", ": line 2: '-x' is no type"),
            List.of("/b( u\n", ": line 1: '/b(' is no regular expression"))) {
      Files.writeString(contexts, each.getFirst());
      Program.Outcome outcome =
          Program.run("build", tree, "-o", temp.resolve("no"), "--file-contexts", contexts);
      assertThat(outcome.err()).startsWith("aquifer: " + contexts + each.getLast());
      assertThat(outcome.exitCode()).isEqualTo(1);
    }
  }
}
