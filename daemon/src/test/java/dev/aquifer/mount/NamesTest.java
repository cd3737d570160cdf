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
  void savedStateGivesBackWhatWasWritten() throws Exception {
    Path file = directory.resolve("erofs-7");
    SavedMount.Origin origin = new SavedMount.Origin("http://h/x?t=1", "k", 7, "\"v\"");
    SavedMount state =
        new SavedMount(
            "boot-1",
            "erofs-7",
            "0:45",
            "http://h/app",
            "/mnt/a b\n%ö",
            "domain_id=d,prefetch=0",
            List.of("/x,y\"z"),
            List.of("http://m/app"),
            "fsid",
            "2026-01-02T03:04:05Z",
            "/cache/b",
            12,
            "{\"a\":1}",
            List.of(new SavedMount.File("id", "/cache/x y", 3, 4, origin)));

    SavedState.write(file, state);

    assertThat(SavedState.read(file, SavedMount.class)).isEqualTo(state);
    try (var files = Files.list(directory)) {
      assertThat(files).containsExactly(file);
    }
  }

  @Test
  void savedStateThatIsNotWholeIsSaidAndPutAside() throws Exception {
    Path file = directory.resolve("group");
    SavedState.write(file, new SavedGroup("boot", 1, 2));
    String text = Files.readString(file);
    for (String broken :
        List.of(
            "",
            "aquifer-mounts 1\n",
            text.substring(0, text.length() - 1),
            text.replace("boot\"", "toot\""),
            text.substring(0, text.indexOf('\n')))) {
      Files.writeString(file, broken);

      assertThat(
              org.assertj.core.api.Assertions.catchThrowable(
                  () -> SavedState.read(file, SavedGroup.class)))
          .isInstanceOf(java.io.IOException.class)
          .hasMessageContaining(file.toString());
    }
    assertThat(SavedState.putAside(file)).hasFileName("group.unreadable").exists();
    Files.writeString(file, "");
    assertThat(SavedState.putAside(file)).hasFileName("group.unreadable-2").exists();
    assertThat(file).doesNotExist();
  }

  @ParameterizedTest
  @CsvSource({
    "''",
    "'domain_id=d,fsid=f,prefetch=0,nodev,nosuid,directio,cache_strategy=disabled'",
    "'prefetch=all,noexec,noatime,nodiratime,strictatime,nosymfollow'",
    "'prefetch=65536'"
  })
  void optionsSurviveAsText(String text) throws Exception {
    MountOptions options = MountOptions.parse(text);

    assertThat(MountOptions.parse(options.text())).isEqualTo(options);
  }
}
