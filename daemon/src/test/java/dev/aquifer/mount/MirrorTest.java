package dev.aquifer.mount;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.aquifer.io.RefusedException;
import dev.aquifer.testing.FaultyOrigin;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Mounts that name a second origin of their image. */
@Tag("root")
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class MirrorTest {
  @RegisterExtension static final MountRoot ROOT = new MountRoot();

  private Shop shop;
  private FaultyOrigin mirror;

  @BeforeEach
  void open() throws Exception {
    shop = new Shop(ROOT.directory());
    mirror = FaultyOrigin.serve(ROOT.directory().resolve("images"));
  }

  @AfterEach
  void close() throws Exception {
    shop.close();
    mirror.close();
  }

  private void mount() throws Exception {
    MountStatus unused =
        shop.mount("one", "a", "domain_id=d,prefetch=0,mirror=" + mirror.url() + "/one");
  }

  private void assertAllIsRight() throws Exception {
    Path mounted = shop.target("a");
    assertThat(Run.ok("diff", "-r", "--no-dereference", shop.tree.toString(), mounted.toString()))
        .isEmpty();
  }

  @Test
  void anImageWhoseOriginIsGoneComesFromTheMirror() throws Exception {
    shop.origin.fault(FaultyOrigin.any(), answer -> answer.status = 404);

    mount();

    assertAllIsRight();
  }

  @Test
  void anOriginThatMayYetAnswerHoldsUpNoMount() throws Exception {
    shop.origin.fault(FaultyOrigin.any(), answer -> answer.status = 503);

    mount();

    assertAllIsRight();
    // Once for each object at most: index, bootstrap, span table, and what the readers want.
    assertThat(shop.origin.log().size()).isLessThan(10);
  }

  @Test
  void anOriginWithAnotherKindOfImageIsNone() throws Exception {
    shop.origin.fault(
        FaultyOrigin.path("one/index.json"),
        answer -> answer.body = "{\"schemaVersion\": 2}".getBytes(StandardCharsets.UTF_8));

    mount();

    assertAllIsRight();
  }

  @Test
  void aDirectoryThatIsNotThereIsPassedOver() throws Exception {
    String gone = ROOT.directory().resolve("gone").toString();
    MountStatus first = shop.mount("one", "a", "domain_id=d,mirror=" + gone);
    assertAllIsRight();
    assertThat(shop.mounts.umount(first.target(), false)).isNull();

    MountStatus second =
        shop.mounts.mount(
            MountSpec.of(
                gone,
                shop.target("a").toString(),
                "domain_id=e,mirror=" + mirror.url() + "/one",
                ROOT.directory()));
    assertAllIsRight();
    assertThat(second.source()).isEqualTo(gone);
  }

  @Test
  void anOriginThatIsUpIsTheOnlyOneThatIsAsked() throws Exception {
    mount();

    assertAllIsRight();
    assertThat(mirror.log()).isEmpty();
  }

  @Test
  void noReaderNoticesThatTheOriginFails() throws Exception {
    mount();
    shop.origin.fault(FaultyOrigin.any(), answer -> answer.status = 503);

    assertAllIsRight();
    assertThat(mirror.bodyBytes("one/blobs/")).isPositive();
    // Not asked again and again while another one answers.
    assertThat(shop.origin.log().stream().filter(asked -> asked.status() == 503).count())
        .isBetween(1L, 3L);
  }

  @Test
  void noReaderNoticesThatTheOriginsBytesAreDamaged() throws Exception {
    mount();
    shop.origin.fault(
        FaultyOrigin.path("one/blobs/"), answer -> answer.flipAt = answer.bodyOffset + 5);

    assertAllIsRight();
    assertThat(mirror.bodyBytes("one/blobs/")).isPositive();
  }

  @Test
  void aReaderIsToldWhenNeitherGivesIt() throws Exception {
    mount();
    shop.origin.fault(FaultyOrigin.path("one/blobs/"), answer -> answer.status = 404);
    mirror.fault(FaultyOrigin.path("one/blobs/"), answer -> answer.flipAt = answer.bodyOffset);

    assertThatThrownBy(() -> Files.readAllBytes(shop.target("a").resolve("noise")))
        .hasMessageContaining("Input/output error");
    shop.origin.heal();
    assertAllIsRight();
  }

  @Test
  void aSuccessorKnowsTheMirrors() throws Exception {
    mount();
    shop.mounts.close(Mounts.End.HAND_OVER);
    shop.origin.fault(FaultyOrigin.any(), answer -> answer.status = 404);

    shop.mounts = shop.openMounts();

    assertAllIsRight();
  }

  @Test
  void anImageThatNothingProvesHasNoMirror() throws Exception {
    RawErofs raw = shop.raw("x", shop.tree);
    String target = shop.target("x").toString();
    MountSpec spec =
        MountSpec.of(
            raw.bootstrap().toString(),
            target,
            "device=" + raw.blob() + ",mirror=http://127.0.0.1:1/one",
            ROOT.directory());

    assertThatThrownBy(() -> shop.mounts.mount(spec))
        .isInstanceOf(RefusedException.class)
        .hasMessageContaining("mirror=");
  }
}
