package dev.aquifer.mount;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.aquifer.io.Errno;
import dev.aquifer.io.RefusedException;
import java.nio.file.Path;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class MountOptionsTest {
  @Test
  void readsEveryOptionOfOurs() throws Exception {
    MountOptions options =
        MountOptions.parse(
            "domain_id=shop,fsid=app-1,device=/a:/b,device=http://h:1/c,prefetch=4M");

    assertThat(options.domainId()).isEqualTo("shop");
    assertThat(options.fsid()).isEqualTo("app-1");
    assertThat(options.devices()).containsExactly("/a", "/b", "http://h:1/c");
    assertThat(options.prefetch()).isEqualTo(new Prefetch(Prefetch.Mode.AHEAD, 4 << 20));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "ro",
        "rw",
        "defaults",
        "auto",
        "noauto",
        "nofail",
        "_netdev",
        "nouser",
        "async",
        "sync",
        "relatime",
        "suid",
        "dev",
        "exec",
        "atime",
        "x-systemd.automount",
        "x-anything=1,2",
        "comment=what,x-y",
        "ro,,defaults,",
        "norelatime",
        "silent",
        "domain_id=d,domain_id=d"
      })
  void acceptsWhatMountAndFstabSayToThemselves(String text) throws Exception {
    // "2" of "x-anything=1,2" is an option of its own, as everywhere.
    if (text.equals("x-anything=1,2")) {
      assertRefused(text, "mount option '2': is not known");
    } else {
      assertThat(MountOptions.parse(text).flags()).isEmpty();
    }
  }

  @ParameterizedTest
  @CsvSource({
    "nosuid, NOSUID",
    "nodev, NODEV",
    "noexec, NOEXEC",
    "noatime, NOATIME",
    "nodiratime, NODIRATIME",
    "strictatime, STRICTATIME",
    "nosymfollow, NOSYMFOLLOW",
  })
  void passesFlagsToTheKernel(String text, KernelFlag flag) throws Exception {
    assertThat(MountOptions.parse(text).flags()).containsExactly(flag);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "noexec,exec|",
        "exec,noexec|NOEXEC",
        "noatime,strictatime|STRICTATIME",
        "strictatime,noatime|NOATIME",
        "noatime,relatime|",
        "nosuid,nodev,suid|NODEV",
        "strictatime,nostrictatime|",
      })
  void theLaterOneWins(String text, String flag) throws Exception {
    Set<KernelFlag> expected = flag == null ? Set.of() : Set.of(KernelFlag.valueOf(flag));

    assertThat(MountOptions.parse(text).flags()).isEqualTo(expected);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "user|NOSUID NODEV NOEXEC",
        "user=alice|NOSUID NODEV NOEXEC",
        "users|NOSUID NODEV NOEXEC",
        "users,exec|NOSUID NODEV",
        "owner|NOSUID NODEV",
        "group|NOSUID NODEV"
      })
  void whoLetsOthersMountDoesNotTrustTheContent(String text, String flags) throws Exception {
    assertThat(MountOptions.parse(text).flags())
        .extracting(KernelFlag::name)
        .containsExactlyInAnyOrder(flags.split(" "));
  }

  @Test
  void passesOptionsToErofs() throws Exception {
    assertThat(MountOptions.parse("directio,cache_strategy=readahead,nouser_xattr").erofs())
        .containsExactly("directio", "cache_strategy=readahead", "nouser_xattr");
  }

  @Test
  void quotesKeepCommas() throws Exception {
    assertThat(MountOptions.parse("device=\"/a,b\",fsid=x").devices()).containsExactly("/a,b");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "wobble|mount option 'wobble': is not known; known are domain_id=, fsid=",
        "wobble=1|mount option 'wobble': is not known",
        "ro,wobble|mount option 'wobble': is not known",
        "domain_id=|mount option domain_id=: its value is empty",
        "domain_id|mount option domain_id: has no value",
        "fsid=|mount option fsid=: its value is empty",
        "device=|mount option device=: its value is empty",
        "device=/a::/b|one of its paths is empty",
        "prefetch=|mount option prefetch=: its value is empty",
        "prefetch=much|prefetch='much': expected default, all, 0, or a size up to 1G such as 4M",
        "prefetch=2G|prefetch='2G': expected",
        "prefetch=-1|prefetch='-1': expected",
        "prefetch=1.5M|prefetch='1.5M': expected",
        "prefetch=99999999999999999999|expected",
        "cache_strategy=eager|expected disabled, readahead or readaround",
        "remount|the identity of a mount never changes",
        "remount,ro|the identity of a mount never changes",
        "fsid=a,fsid=b|fsid: given as 'a' and as 'b'",
        "bind|mount option 'bind': is not known",
        "loop|mount option 'loop': is not known",
        "device=\"/a|a double quote is not closed",
      })
  void refusesByName(String text, String message) {
    assertRefused(text, message);
  }

  private static void assertRefused(String text, String message) {
    RefusedException e =
        catchThrowableOfType(RefusedException.class, () -> MountOptions.parse(text));

    assertThat(e).as(text).isNotNull();
    assertThat(e.errno()).isEqualTo(Errno.EINVAL);
    assertThat(e.getMessage()).contains(message).doesNotContain("\n");
  }

  @ParameterizedTest
  @CsvSource({
    "0, NONE, 0",
    "all, ALL, 0",
    "512K, AHEAD, 524288",
    "4m, AHEAD, 4194304",
    "1G, AHEAD, 1073741824",
    "4096, AHEAD, 4096",
    "0M, NONE, 0"
  })
  void readsPrefetch(String text, Prefetch.Mode mode, long windowBytes) throws Exception {
    Prefetch prefetch = Prefetch.parse(text);

    assertThat(prefetch.mode()).isEqualTo(mode);
    assertThat(Prefetch.parse(prefetch.toString())).isEqualTo(prefetch);
    if (mode != Prefetch.Mode.ALL) {
      assertThat(prefetch.windowBytes()).isEqualTo(windowBytes);
    }
  }

  @Test
  void theStrongerPrefetchWins() throws Exception {
    assertThat(Prefetch.NONE.max(Prefetch.parse("1M"))).isEqualTo(Prefetch.parse("1M"));
    assertThat(Prefetch.ALL.max(Prefetch.NONE)).isEqualTo(Prefetch.ALL);
    assertThat(Prefetch.parse("all").max(Prefetch.parse("1G")).windowBytes()).isEqualTo(1 << 30);
  }

  @Test
  void relativeNamesAreTakenFromTheDirectory() throws Exception {
    MountSpec spec = MountSpec.of("./boot", "mnt/../m", "device=b:../c", Path.of("/home/u"));

    assertThat(spec.source()).isEqualTo("/home/u/boot");
    assertThat(spec.target()).isEqualTo(Path.of("/home/u/m"));
    assertThat(spec.devices()).containsExactly("/home/u/b", "/home/c");
  }

  @Test
  void urlsStayAsTheyAre() throws Exception {
    MountSpec spec = MountSpec.of("http://h:1/a/../b", "/m", "", Path.of("/home/u"));
    MountSpec local = MountSpec.of("file:///srv/app", "/m", "", Path.of("/home/u"));

    assertThat(spec.source()).isEqualTo("http://h:1/a/../b");
    assertThat(local.source()).isEqualTo("/srv/app");
  }

  @ParameterizedTest
  @CsvSource({"'', /m", "/s, ''"})
  void emptyNamesAreRefused(String source, String target) {
    assertThat(
            catchThrowableOfType(
                RefusedException.class, () -> MountSpec.of(source, target, "", Path.of("/"))))
        .hasMessageContaining("expected a source and a mount point");
  }
}
