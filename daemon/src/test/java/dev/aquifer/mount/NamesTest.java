package dev.aquifer.mount;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Names that are made of other names: fsids, shown sources, mountinfo's fields, the state file. */
class NamesTest {
  @TempDir Path directory;

  @ParameterizedTest
  @CsvSource({
    "/mnt/b, mnt:b",
    "/mnt, mnt",
    "/srv/a.b/c-d_e@f, srv:a.b:c-d_e@f",
  })
  void fsidOfAPlainMountPoint(String target, String fsid) {
    assertThat(Fsid.of(Path.of(target))).isEqualTo(fsid);
  }

  @ParameterizedTest
  @CsvSource({
    "/, root-[0-9a-f]{8}",
    "/.hidden, hidden-[0-9a-f]{8}",
    "/mnt:b, mnt:b-[0-9a-f]{8}",
    "/mnt/ö x, mnt:__x-[0-9a-f]{8}",
  })
  void fsidOfAnotherMountPointHasADigest(String target, String pattern) {
    assertThat(Fsid.of(Path.of(target))).matches(pattern);
  }

  @Test
  void fsidIsAlwaysValidAndTellsMountPointsApart() {
    String path = "/" + "x".repeat(200);

    assertThat(Fsid.of(Path.of(path))).hasSizeLessThanOrEqualTo(128).startsWith("xxx");
    assertThat(Fsid.of(Path.of(path))).isNotEqualTo(Fsid.of(Path.of(path + "y")));
    assertThat(Fsid.of(Path.of("/mnt:b"))).isNotEqualTo(Fsid.of(Path.of("/mnt/b")));
  }

  @ParameterizedTest
  @CsvSource({
    "http://127.0.0.1:8080/app, http://127.0.0.1:8080/app",
    "http://127.0.0.1:8080/app/, http://127.0.0.1:8080/app",
    "https://me:secret@example.org/a/b, https://example.org/a/b",
    "https://example.org/a?token=secret, https://example.org/a",
    "http://[::1]:80/app, http://[::1]:80/app",
    "http://a_b/app, http://a_b/app",
    "/srv/images/app, file:///srv/images/app",
    "/srv/a b, file:///srv/a b",
  })
  void shownSourceLeadsToTheBootstrap(String wanted, String shown) throws Exception {
    Path bootstrap = Files.writeString(directory.resolve("boot"), "bootstrap");

    ShownSource source = ShownSource.of(wanted, bootstrap, directory);

    assertThat(source.text()).isEqualTo(shown);
    assertThat(source.directory().resolve(shown)).hasContent("bootstrap");
    source.close();
    assertThat(directory).isDirectoryContaining(p -> p.equals(bootstrap));
    assertThat(Files.list(directory)).hasSize(1);
  }

  @ParameterizedTest
  @CsvSource({
    "http://h/a/../../b",
    "http://h/./b",
    "http://h/%zz",
    "/srv/ö",
    "'http://h/ö'",
  })
  void aSourceThatIsNoFitPathShowsTheBootstrap(String wanted) throws Exception {
    Path bootstrap = Files.writeString(directory.resolve("boot"), "bootstrap");

    try (ShownSource source = ShownSource.of(wanted, bootstrap, directory);
        ShownSource longOne = ShownSource.of("http://h/" + "x".repeat(250), bootstrap, directory)) {
      assertThat(source.text()).isEqualTo(bootstrap.toString());
      assertThat(longOne.text()).isEqualTo(bootstrap.toString());
      assertThat(Files.list(directory)).hasSize(1);
    }
  }

  @Test
  void aLineThatRepeatsIsHeldBackForAWhile() {
    RepeatedLines lines = new RepeatedLines();

    assertThat(lines.admit("a", 1_000_000_000L)).isZero();
    assertThat(lines.admit("a", 2_000_000_000L)).isEqualTo(-1);
    assertThat(lines.admit("b", 2_000_000_000L)).isZero();
    assertThat(lines.admit("a", 3_000_000_000L)).isEqualTo(-1);
    assertThat(lines.admit("a", 12_000_000_000L)).isEqualTo(2);
    assertThat(lines.admit("a", 30_000_000_000L)).isZero();
  }

  @Test
  void readsMountinfo() {
    String text =
        "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n"
            + "42 22 0:39 / /mnt/a\\040b\\134c ro,nodev - erofs http://h:1/app ro\n"
            + "43 22 0:40 / /mnt/a\\040b\\134c ro shared:2 master:3 - tmpfs none rw\n"
            + "nonsense\n\n";

    MountTable table = MountTable.parse(text.getBytes(StandardCharsets.UTF_8));

    assertThat(table.entries())
        .contains(new MountTable.Entry("0:39", "/mnt/a b\\c", "erofs", "http://h:1/app"));
    assertThat(table.topAt(Path.of("/mnt/a b\\c")).type()).isEqualTo("tmpfs");
    assertThat(table.topAt(Path.of("/mnt"))).isNull();
    assertThat(table.hasErofs("0:39", Path.of("/mnt/a b\\c"))).isTrue();
    assertThat(table.hasErofs("0:39", Path.of("/mnt"))).isFalse();
    assertThat(table.hasErofs("0:40", Path.of("/mnt/a b\\c"))).isFalse();
  }

  @Test
  void stateFileGivesBackWhatWasWritten() throws Exception {
    StateFile state =
        new StateFile(
            "boot-1",
            47,
            123456,
            List.of(
                new StateFile.Entry("erofs-7", "0:45", Path.of("/mnt/a b\n%")),
                new StateFile.Entry("erofs-8", "0:46", Path.of("/mnt/ö"))),
            List.of(Path.of("/cache/x y")));

    state.write(directory);

    assertThat(StateFile.find(directory)).containsExactly(StateFile.path(directory, 47));
    assertThat(StateFile.read(StateFile.path(directory, 47))).isEqualTo(state);
  }

  @ParameterizedTest
  @CsvSource({"other 1", "''", "'aquifer-mounts 1\nwobble'", "'aquifer-mounts 1\nkeeper x y'"})
  void aStateFileThatIsNotOursIsRefused(String text) throws Exception {
    Path file = Files.writeString(directory.resolve("mounts-1"), text);

    assertThat(org.assertj.core.api.Assertions.catchThrowable(() -> StateFile.read(file)))
        .isInstanceOf(java.io.IOException.class)
        .hasMessageContaining(file.toString())
        .hasMessageContaining("expected what this version writes");
  }
}
