package dev.aquifer.mount;

import static dev.aquifer.mount.FanotifyServerTest.await;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.aquifer.io.Errno;
import dev.aquifer.io.RefusedException;
import dev.aquifer.testing.FaultyOrigin;
import dev.aquifer.testing.TestImage;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Mounts from the origin to the reader, with a real kernel. */
@Tag("root")
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class MountsTest {
  @RegisterExtension static final MountRoot ROOT = new MountRoot();

  private Shop shop;

  @BeforeEach
  void open() throws Exception {
    shop = new Shop(ROOT.directory());
  }

  @AfterEach
  void close() throws Exception {
    shop.close();
    assertThat(MountTable.read().entries())
        .noneMatch(entry -> Path.of(entry.target()).startsWith(ROOT.directory()));
    assertThat(shop.domains.status()).isEmpty();
  }

  private void assertSameTree(Path mounted) throws Exception {
    assertThat(Run.ok("diff", "-r", "--no-dereference", shop.tree.toString(), mounted.toString()))
        .isEmpty();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"", "prefetch=0", "prefetch=all", "prefetch=256K", "directio", "domain_id=d"})
  void everyByteIsRight(String options) throws Exception {
    MountStatus status = shop.mount("one", "a", options);

    assertSameTree(status.target());
    assertThat(status.state()).isEqualTo(MountStatus.State.MOUNTED);
    assertThat(status.mode()).isEqualTo(MountStatus.Mode.LAZY);
    assertThat(status.blobs()).containsExactly(shop.one.blobs().get(0).id().hex());
    assertThat(shop.mounts.status()).containsExactly(status);
  }

  @Test
  void aMountIsSeenWithItsSourceAndReadsAheadOneMebibyte() throws Exception {
    MountStatus status = shop.mount("one", "a", "nosuid,nodev");

    String[] seen =
        Run.ok("findmnt", "-no", "SOURCE,FSTYPE,VFS-OPTIONS", status.target().toString())
            .strip()
            .split(" +");
    assertThat(seen)
        .containsExactly(shop.origin.url() + "/one", "erofs", "ro,nosuid,nodev,relatime");
    assertThat(Path.of("/sys/class/bdi", status.kernelName(), "read_ahead_kb")).hasContent("1024");
    assertThat(Path.of("/sys/fs/erofs", status.kernelName())).isDirectory();
  }

  @Test
  void aLayoutOnDiskIsMounted() throws Exception {
    MountStatus status =
        shop.mounts.mount(
            MountSpec.of("images/two", shop.target("x").toString(), "", ROOT.directory()));

    assertSameTree(status.target());
    assertThat(status.source()).isEqualTo(ROOT.directory().resolve("images/two").toString());
    assertThat(Run.ok("findmnt", "-no", "SOURCE", status.target().toString()).strip())
        .isEqualTo("file://" + status.source());
  }

  @Test
  void onlyWhatIsReadIsFetched() throws Exception {
    shop.mount("one", "a", "prefetch=0");
    long before = shop.sentBytes("one");

    Files.readAllBytes(shop.target("a").resolve("d/e/small"));

    assertThat(shop.sentBytes("one") - before).isBetween(1L, (1L << Shop.SPAN_BITS) + 4096L);
  }

  @Test
  void theSecondMountInADomainFetchesNothing() throws Exception {
    shop.mount("one", "a", "domain_id=shop,prefetch=all");
    assertSameTree(shop.target("a"));
    String id = shop.one.blobs().get(0).id().hex();
    await("the blob is complete", () -> shop.blob(id).spansPresent() == shop.blob(id).spansTotal());
    shop.origin.clearLog();

    MountStatus second = shop.mount("two", "b", "domain_id=shop");
    assertSameTree(second.target());

    // Its own bootstrap, and the small tail of its own blob object at most.
    assertThat(shop.origin.bodyBytes("two/blobs/")).isLessThan(shop.two.bootstrap().length + 4096L);
    assertThat(shop.origin.bodyBytes("one/blobs/")).isZero();
    assertThat(shop.blob(id).holders()).hasSize(2);
  }

  @Test
  void anotherDomainFetchesForItself() throws Exception {
    shop.mount("one", "a", "domain_id=shop,prefetch=0");
    assertSameTree(shop.target("a"));
    long first = shop.sentBytes("one");
    shop.origin.clearLog();

    shop.mount("one", "b", "domain_id=other,prefetch=0");
    assertSameTree(shop.target("b"));

    assertThat(shop.sentBytes("one")).isGreaterThan(first / 2);
  }

  @Test
  void theSameBytesAreReadByMappingAndByRunning() throws Exception {
    Path tree = ROOT.make("bin");
    Files.copy(Path.of("/bin/ls"), tree.resolve("ls"), StandardCopyOption.COPY_ATTRIBUTES);
    shop.raw("bin", tree)
        .toImage(
            ROOT.directory().resolve("images/bin"),
            Shop.SPAN_BITS,
            dev.aquifer.format.SpanCodec.ZSTD);
    shop.mount("bin", "a", "prefetch=0");

    String listed = Run.ok(shop.target("a").resolve("ls").toString(), shop.tree.toString());

    assertThat(listed).isEqualTo(Run.ok("/bin/ls", shop.tree.toString()));
  }

  @Test
  void anOriginThatFailsIsAnErrorAndNeverZerosAndHeals() throws Exception {
    MountStatus status = shop.mount("one", "a", "prefetch=0");
    shop.origin.fault(FaultyOrigin.path("one/blobs/"), answer -> answer.status = 403);

    assertThatThrownBy(() -> Files.readAllBytes(status.target().resolve("noise")))
        .hasMessageContaining("Input/output error");
    shop.origin.heal();

    assertSameTree(status.target());
  }

  @Test
  void flippedBytesOfTheOriginAreNeverSeen() throws Exception {
    MountStatus status = shop.mount("one", "a", "prefetch=0");
    shop.origin.fault(
        FaultyOrigin.path("one/blobs/"), answer -> answer.flipAt = answer.bodyOffset + 100);

    assertThatThrownBy(() -> Files.readAllBytes(status.target().resolve("noise")))
        .hasMessageContaining("Input/output error");
    shop.origin.heal();

    assertSameTree(status.target());
  }

  @Test
  void umountLeavesNothing() throws Exception {
    shop.mount("one", "a", "domain_id=shop");
    assertSameTree(shop.target("a"));

    assertThat(shop.mounts.umount(shop.target("a"), false)).isNull();

    assertThat(shop.mounts.status()).isEmpty();
    assertThat(shop.domains.status()).isEmpty();
    assertThat(shop.target("a")).isEmptyDirectory();
    assertThatThrownBy(() -> shop.mounts.umount(shop.target("a"), false))
        .hasMessageContaining("no image is mounted there by aquifer");
  }

  @Test
  void anUnmountByOthersIsNoticed() throws Exception {
    shop.mount("one", "a", "domain_id=shop");
    assertSameTree(shop.target("a"));

    Run.ok("umount", shop.target("a").toString());

    await("the mount is released", () -> shop.mounts.status().isEmpty());
    await("the domain is gone", () -> shop.domains.status().isEmpty());
  }

  @Test
  void aBusyMountStaysAsItIs() throws Exception {
    MountStatus status = shop.mount("one", "a", "prefetch=0");
    try (RandomAccessFile file = new RandomAccessFile(path("a", "noise"), "r")) {
      RefusedException e =
          catchThrowableOfType(
              RefusedException.class, () -> shop.mounts.umount(status.target(), false));

      assertThat(e.errno()).isEqualTo(Errno.EBUSY);
      assertThat(e.getMessage()).startsWith(status.target() + ": is in use");
      assertThat(shop.mounts.status()).containsExactly(status);
      assertSameTree(status.target());
    }
    assertThat(shop.mounts.umount(status.target(), false)).isNull();
  }

  private String path(String target, String name) throws IOException {
    return shop.target(target).resolve(name).toString();
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void anOpenFileOfALazilyUnmountedImageIsServedRight(boolean byUs) throws Exception {
    MountStatus status = shop.mount("one", "a", "domain_id=shop,prefetch=0");
    byte[] expected = Files.readAllBytes(shop.tree.resolve("noise"));
    byte[] found = new byte[expected.length];
    try (RandomAccessFile file = new RandomAccessFile(path("a", "noise"), "r")) {
      if (byUs) {
        assertThat(shop.mounts.umount(status.target(), true).state())
            .isEqualTo(MountStatus.State.LINGERING);
      } else {
        Run.ok("umount", "-l", status.target().toString());
        await(
            "it lingers", () -> shop.mounts.status().get(0).state() == MountStatus.State.LINGERING);
      }
      assertThat(shop.target("a")).isEmptyDirectory();

      // The name stays taken, the mount point does not.
      assertThatThrownBy(() -> shop.mount("two", "b", "domain_id=shop,fsid=" + status.fsid()))
          .isInstanceOf(RefusedException.class);
      shop.mount("two", "a", "domain_id=shop,fsid=second,prefetch=0");
      file.readFully(found);
    }
    assertThat(found).isEqualTo(expected);
    await("it is released", () -> shop.mounts.status().size() == 1);
    assertSameTree(shop.target("a"));
  }

  @Test
  void aBindMountElsewhereKeepsItServed() throws Exception {
    MountStatus status = shop.mount("one", "a", "prefetch=0");
    Path other = shop.target("other");
    Run.ok("mount", "--bind", status.target().toString(), other.toString());

    MountStatus left = shop.mounts.umount(status.target(), false);

    assertThat(left.state()).isEqualTo(MountStatus.State.LINGERING);
    assertSameTree(other);
    Run.ok("umount", other.toString());
    await("it is released", () -> shop.mounts.status().isEmpty());
  }

  @Test
  void anotherMountNamespaceKeepsItServed() throws Exception {
    MountStatus status = shop.mount("one", "a", "prefetch=0");
    Path go = ROOT.directory().resolve("go");
    Path there = ROOT.directory().resolve("there");
    Process other =
        new ProcessBuilder(
                "unshare",
                "--mount",
                "--propagation",
                "private",
                "sh",
                "-c",
                "touch $1; while ! [ -e $2 ]; do sleep 0.05; done; exec cksum $3/noise",
                "sh",
                there.toString(),
                go.toString(),
                status.target().toString())
            .redirectOutput(ROOT.directory().resolve("sum").toFile())
            .start();
    await("the other name space", () -> Files.exists(there));

    assertThat(shop.mounts.umount(status.target(), false).state())
        .isEqualTo(MountStatus.State.LINGERING);
    Files.createFile(go);

    assertThat(other.waitFor()).isZero();
    assertThat(Files.readString(ROOT.directory().resolve("sum")).split(" ")[0])
        .isEqualTo(Run.ok("cksum", shop.tree.resolve("noise").toString()).split(" ")[0]);
    await("it is released", () -> shop.mounts.status().isEmpty());
  }

  @Test
  void aMountOnTopIsToGoFirst() throws Exception {
    MountStatus status = shop.mount("one", "a", "");
    Run.ok("mount", "-t", "tmpfs", "none", status.target().toString());
    try {
      assertThatThrownBy(() -> shop.mounts.umount(status.target(), false))
          .hasMessageContaining("(tmpfs) is mounted on top of it: unmount that first");
    } finally {
      Run.ok("umount", status.target().toString());
    }
    assertSameTree(status.target());
  }

  @Test
  void theSameMountPointTwiceIsRefused() throws Exception {
    MountStatus first = shop.mount("one", "a", "");

    RefusedException e =
        catchThrowableOfType(RefusedException.class, () -> shop.mount("two", "a", "fsid=other"));

    assertThat(e.errno()).isEqualTo(Errno.EBUSY);
    assertThat(e.getMessage()).contains(first.target() + ": " + first.source());
    assertThat(shop.mounts.status()).containsExactly(first);
    assertSameTree(first.target());
  }

  @ParameterizedTest
  @CsvSource({"domain_id=shop, EEXIST", "'', EBUSY"})
  void theSameFsidTwiceIsRefusedBeforeAnythingElse(String domain, Errno errno) throws Exception {
    String options = "fsid=x" + (domain.isEmpty() ? "" : "," + domain);
    MountStatus first = shop.mount("one", "a", options);
    shop.origin.clearLog();

    RefusedException e =
        catchThrowableOfType(RefusedException.class, () -> shop.mount("two", "b", options));

    assertThat(e.errno()).isEqualTo(errno);
    assertThat(shop.origin.log()).isEmpty();
    assertThat(shop.mounts.status()).containsExactly(first);
    assertSameTree(first.target());
  }

  @Test
  void theFsidIsMadeOfTheMountPoint() throws Exception {
    assertThat(shop.mount("one", "a", "").fsid()).endsWith(":mnt:a");
  }

  @Test
  void aMountPointThatIsNoneIsRefused() throws Exception {
    Path file = Files.createFile(ROOT.directory().resolve("file"));
    assertRefused(Errno.ENOTDIR, file, "is no directory");
    assertRefused(Errno.ENOENT, ROOT.directory().resolve("nothing"), "make the mount point");
    assertRefused(Errno.ENOTDIR, file.resolve("below"), "is no directory");
    assertThat(shop.origin.log()).isEmpty();
  }

  private void assertRefused(Errno errno, Path target, String message) {
    RefusedException e =
        catchThrowableOfType(
            RefusedException.class,
            () ->
                shop.mounts.mount(
                    MountSpec.of(shop.origin.url() + "/one", target.toString(), "", target)));
    assertThat(e).isNotNull();
    assertThat(e.errno()).isEqualTo(errno);
    assertThat(e.getMessage()).startsWith(target.toString()).contains(message);
    assertThat(shop.domains.status()).isEmpty();
  }

  @Test
  void aMountPointMayBeReachedByALink() throws Exception {
    Path link = ROOT.directory().resolve("link");
    Files.createSymbolicLink(link, shop.target("a"));

    MountStatus status =
        shop.mounts.mount(
            MountSpec.of(shop.origin.url() + "/one", link.toString(), "", ROOT.directory()));

    assertThat(status.target()).isEqualTo(shop.target("a"));
    assertThat(shop.mounts.umount(link, false)).isNull();
  }

  @Test
  void namesWithCommasBlanksAndLineEndsAreFine() throws Exception {
    Path odd = ROOT.make("a, b\\c\nd");
    Files.move(ROOT.directory().resolve("images/one"), odd.resolve("one"));
    Path target = Files.createDirectories(odd.resolve("mnt, x\ny"));

    MountStatus status =
        shop.mounts.mount(
            MountSpec.of(odd.resolve("one").toString(), target.toString(), "", ROOT.directory()));

    assertSameTree(target);
    assertThat(status.target()).isEqualTo(target);
    assertThat(shop.mounts.umount(target, false)).isNull();
  }

  @ParameterizedTest
  @CsvSource({"404, ENOBUFS", "403, ENOBUFS"})
  void anOriginThatGivesNothingIsRefusedAndLeavesNothing(int code, Errno errno) throws Exception {
    shop.origin.fault(FaultyOrigin.any(), answer -> answer.status = code);

    RefusedException e =
        catchThrowableOfType(RefusedException.class, () -> shop.mount("one", "a", "domain_id=d"));

    assertThat(e.errno()).isEqualTo(errno);
    assertThat(e.getMessage()).contains(shop.origin.url()).doesNotContain("\n");
    assertThat(shop.domains.status()).isEmpty();
    shop.origin.heal();
    shop.mount("one", "a", "domain_id=d");
    assertSameTree(shop.target("a"));
  }

  @Test
  void aSourceThatIsNoImageIsRefused() throws Exception {
    assertThatThrownBy(
            () ->
                shop.mounts.mount(
                    MountSpec.of("nothing", shop.target("a").toString(), "", ROOT.directory())))
        .hasMessageContaining("no such file or directory");
    assertThatThrownBy(
            () ->
                shop.mounts.mount(
                    MountSpec.of("tree", shop.target("a").toString(), "", ROOT.directory())))
        .hasMessageContaining("is no image: expected index.json in it");
    assertThatThrownBy(
            () ->
                shop.mounts.mount(
                    MountSpec.of("tree/noise", shop.target("a").toString(), "", ROOT.directory())))
        .isInstanceOf(IOException.class);
    assertThatThrownBy(() -> shop.mount("one", "a", "device=/dev/null"))
        .isInstanceOf(IOException.class);
    assertThat(shop.mounts.status()).isEmpty();
    assertThat(shop.domains.status()).isEmpty();
  }

  @Test
  void swappedOrMissingBlobsAreRefused() throws Exception {
    // The manifest of an image whose bootstrap names another blob.
    byte[] noise = TestImage.noise(9, 1 << 20);
    TestImage.write(
        ROOT.directory().resolve("images/wrong"),
        shop.one.bootstrap(),
        new TestImage.Content(noise, Shop.SPAN_BITS, dev.aquifer.format.SpanCodec.PLAIN));
    TestImage.write(ROOT.directory().resolve("images/none"), shop.one.bootstrap());

    for (String image : List.of("wrong", "none")) {
      RefusedException e =
          catchThrowableOfType(RefusedException.class, () -> shop.mount(image, "a", ""));
      assertThat(e.errno()).isEqualTo(Errno.EINVAL);
      assertThat(e.getMessage())
          .contains(image.equals("wrong") ? "device 1 is blob" : "has 1 slots")
          .contains(image.equals("wrong") ? "in the same order" : "manifest lists 0 blobs");
    }
    assertThat(shop.domains.status()).isEmpty();
  }

  @Test
  void aClosedOneRefuses() throws Exception {
    shop.mounts.close();

    assertThatThrownBy(() -> shop.mount("one", "b", "")).hasMessageContaining("is ending");
  }

  @Test
  void aKeeperIsThereAsLongAsSomethingIsMounted() throws Exception {
    Path group = ROOT.directory().resolve("run/group");
    assertThat(group).doesNotExist();
    shop.mount("one", "a", "");
    int keeper = SavedState.read(group, SavedGroup.class).keeperPid();
    shop.mount("two", "b", "");
    assertThat(shop.mounts.umount(shop.target("a"), false)).isNull();
    assertThat(ProcessHandle.of(keeper)).isPresent();

    assertThat(shop.mounts.umount(shop.target("b"), false)).isNull();

    await("the keeper has ended", () -> ProcessHandle.of(keeper).isEmpty());
    assertThat(group).doesNotExist();
  }

  @Test
  void aKeeperThatIsEndedFromOutsideIsReplaced() throws Exception {
    shop.mount("one", "a", "prefetch=0");
    Path group = ROOT.directory().resolve("run/group");
    SavedGroup before = SavedState.read(group, SavedGroup.class);

    Run.ok("sh", "-c", "kill -9 " + before.keeperPid());

    await("another keeper", () -> !read(group).equals(before));
    assertThat(ProcessHandle.of(read(group).keeperPid())).isPresent();
    assertSameTree(shop.target("a"));
  }

  private static SavedGroup read(Path group) {
    try {
      return SavedState.read(group, SavedGroup.class);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  /** Damage that is known is never served, also where the blob was complete and nobody asked. */
  @Test
  void damageThatCanNotBeRepairedYetIsAnError() throws Exception {
    Path noise = shop.mount("one", "a", "domain_id=d,prefetch=all").target().resolve("noise");
    String blob = shop.one.blobs().get(0).id().hex();
    await("it is complete", () -> shop.blob(blob).spansPresent() == shop.blob(blob).spansTotal());
    assertSameTree(shop.target("a"));
    Path data = ROOT.directory().resolve("cache/domains/d/blobs/" + blob + "/data");
    try (RandomAccessFile file = new RandomAccessFile(data.toFile(), "rw")) {
      file.seek(Shop.SPAN_BITS);
      int old = file.read();
      file.seek(Shop.SPAN_BITS);
      file.write(old ^ 1);
    }
    shop.origin.fault(FaultyOrigin.any(), answer -> answer.status = 404);

    assertThatThrownBy(() -> shop.mounts.whileAskedAboutAll(() -> shop.domains.verify(true)))
        .hasMessageContaining("404");
    for (int successor = 0; successor < 2; successor++) {
      Run.ok("sh", "-c", "echo 3 > /proc/sys/vm/drop_caches");
      assertThatThrownBy(() -> readAll(shop.target("a"))).isInstanceOf(IOException.class);
      shop.mounts.close();
      shop.mounts = shop.openMounts();
    }
    shop.origin.heal();
    assertSameTree(shop.target("a"));
    assertThat(noise).hasSameBinaryContentAs(shop.tree.resolve("noise"));
  }

  private static void readAll(Path tree) throws IOException {
    for (String name : List.of("noise", "text")) {
      byte[] unused = Files.readAllBytes(tree.resolve(name));
    }
  }

  @Test
  void aSourceInAnAquiferMountIsRefused() throws Exception {
    Path tree = ROOT.make("nested");
    Run.ok("cp", "-a", ROOT.directory().resolve("images/one").toString(), tree.toString());
    shop.raw("nested", tree)
        .toImage(
            ROOT.directory().resolve("images/nested"),
            Shop.SPAN_BITS,
            dev.aquifer.format.SpanCodec.PLAIN);
    Path outer = shop.mount("nested", "a", "").target();

    assertThatThrownBy(
            () ->
                shop.mounts.mount(
                    MountSpec.of(
                        outer.resolve("one").toString(),
                        shop.target("b").toString(),
                        "",
                        ROOT.directory())))
        .hasMessageContaining("lies in the mount at " + outer)
        .hasMessageContaining("copy it to a disk");
  }

  @Test
  void theQueryOfAUrlIsNotShown() throws Exception {
    MountStatus status =
        shop.mounts.mount(
            MountSpec.of(
                shop.origin.url() + "/one?token=secret",
                shop.target("a").toString(),
                "",
                ROOT.directory()));

    assertThat(status.source()).isEqualTo(shop.origin.url() + "/one");
    assertThat(MountTable.read().topAt(status.target()).source()).doesNotContain("secret");
    assertSameTree(status.target());
  }
}
