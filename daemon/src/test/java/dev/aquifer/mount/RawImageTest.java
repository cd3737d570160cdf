package dev.aquifer.mount;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.aquifer.io.Errno;
import dev.aquifer.io.RefusedException;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Images by mkfs.erofs --blobdev, local and at an origin. */
@Tag("root")
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class RawImageTest {
  @RegisterExtension static final MountRoot ROOT = new MountRoot();

  private Shop shop;
  private RawErofs raw;

  @BeforeEach
  void open() throws Exception {
    shop = new Shop(ROOT.directory());
    raw = shop.raw("r", shop.tree);
    Files.copy(raw.bootstrap(), ROOT.directory().resolve("images/boot.erofs"));
    Files.copy(raw.blob(), ROOT.directory().resolve("images/blob.img"));
  }

  @AfterEach
  void close() throws Exception {
    shop.close();
    assertThat(shop.domains.status()).isEmpty();
  }

  private MountStatus mount(String source, String options) throws IOException {
    return shop.mounts.mount(
        MountSpec.of(source, shop.target("raw").toString(), options, raw.blob().getParent()));
  }

  private void assertSameTree() throws Exception {
    String mounted = shop.target("raw").toString();
    assertThat(Run.ok("diff", "-r", "--no-dereference", shop.tree.toString(), mounted)).isEmpty();
  }

  private void assertRefused(String source, String options, Errno errno, String message) {
    RefusedException e = catchThrowableOfType(RefusedException.class, () -> mount(source, options));
    assertThat(e).as(source).isNotNull();
    assertThat(e.errno()).as(e.getMessage()).isEqualTo(errno);
    assertThat(e.getMessage()).contains(message).doesNotContain("\n");
    assertThat(shop.domains.status()).isEmpty();
    assertThat(shop.mounts.status()).isEmpty();
  }

  @Test
  void localFilesAreGivenToTheKernelAsTheyAre() throws Exception {
    MountStatus status = mount("bootstrap.erofs", "fsid=raw,device=blob.img");

    assertSameTree();
    assertThat(status.mode()).isEqualTo(MountStatus.Mode.LOCAL);
    assertThat(status.image()).isNull();
    assertThat(status.blobs()).containsExactly(raw.blob().toString());
    assertThat(Run.ok("findmnt", "-no", "SOURCE", status.target().toString()).strip())
        .isEqualTo(raw.bootstrap().toString());
    assertThat(shop.origin.log()).isEmpty();
  }

  @Test
  void aDeviceTagNamesTheFileBesideTheBootstrap() throws Exception {
    Path tagged = raw.bootstrap().resolveSibling("tagged.erofs");
    Files.write(tagged, raw.withTags(List.of("blob.img")));

    mount("tagged.erofs", "");

    assertSameTree();
  }

  @Test
  void anEmptyOrHostileDeviceTagIsRefused() throws Exception {
    assertRefused("bootstrap.erofs", "", Errno.EINVAL, "device 1 has no name in the image");
    for (String tag : List.of("../../etc/shadow", "/etc/shadow", "..", "a/b")) {
      Files.write(raw.bootstrap().resolveSibling("t.erofs"), raw.withTags(List.of(tag)));
      assertRefused("t.erofs", "", Errno.EINVAL, "which is no file beside it: expected device=");
    }
  }

  @Test
  void theCountOfDevicesMustBeTheTables() throws Exception {
    assertRefused(
        "bootstrap.erofs",
        "device=blob.img:blob.img",
        Errno.EINVAL,
        "its device table has 1 slots, but 2 devices are given");
  }

  @Test
  void aDeviceThatIsMissingOrNoFileIsRefused() throws Exception {
    assertRefused("bootstrap.erofs", "device=nothing", Errno.ENOENT, "nothing: no such file");
    assertRefused("bootstrap.erofs", "device=/tmp", Errno.ENOTBLK, "/tmp: is no regular file");
    assertRefused("bootstrap.erofs", "device=/dev/null", Errno.ENOTBLK, "is no regular file");
  }

  @Test
  void aTruncatedBootstrapIsRefused() throws Exception {
    Path big = ROOT.make("many");
    for (int i = 0; i < 2_000; i++) {
      Files.createFile(big.resolve("file-with-a-rather-long-name-" + i));
    }
    Files.write(big.resolve("data"), new byte[10]);
    RawErofs many = shop.raw("many", big);
    try (FileChannel file = FileChannel.open(many.bootstrap(), StandardOpenOption.WRITE)) {
      file.truncate(file.size() / 2 / 4096 * 4096);
    }

    assertThatThrownBy(() -> mount(many.bootstrap().toString(), "device=" + many.blob()))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(many.bootstrap().toString())
        .hasMessageContaining("ends at byte");
    assertThat(shop.mounts.status()).isEmpty();
  }

  @Test
  void anImageAtAnOriginIsCachedUnverified() throws Exception {
    String url = shop.origin.url();

    MountStatus status =
        mount(url + "/boot.erofs", "domain_id=d,fsid=raw,device=" + url + "/blob.img");

    assertSameTree();
    assertThat(status.mode()).isEqualTo(MountStatus.Mode.LAZY);
    assertThat(status.bootstrapFetchedBytes()).isEqualTo(Files.size(raw.bootstrap()));
    assertThat(shop.domains.status().get(0).blobs()).allMatch(blob -> !blob.isVerified());
  }

  @Test
  void anImageAtAnOriginIsFoundByItsMagic() throws Exception {
    Files.write(ROOT.directory().resolve("images/tagged"), raw.withTags(List.of("blob.img")));

    mount(shop.origin.url() + "/tagged", "");

    assertSameTree();
  }

  @Test
  void aLocalBootstrapMayHaveDevicesAtAnOrigin() throws Exception {
    MountStatus status = mount("bootstrap.erofs", "device=" + shop.origin.url() + "/blob.img");

    assertSameTree();
    assertThat(status.mode()).isEqualTo(MountStatus.Mode.LAZY);
  }

  @Test
  void theCompleteSetOfDomainRulesHoldsForLocalFilesToo() throws Exception {
    mount("bootstrap.erofs", "domain_id=d,fsid=x,device=blob.img");
    RefusedException e =
        catchThrowableOfType(
            RefusedException.class, () -> shop.mount("one", "other", "domain_id=d,fsid=x"));

    assertThat(e.errno()).isEqualTo(Errno.EEXIST);
    assertSameTree();
  }
}
