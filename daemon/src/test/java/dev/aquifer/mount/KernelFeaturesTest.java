package dev.aquifer.mount;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

@Tag("root")
class KernelFeaturesTest {
  @RegisterExtension static final MountRoot ROOT = new MountRoot();

  @Test
  void allIsThereOnTheDiskOfTheTests() throws Exception {
    KernelFeatures features = KernelFeatures.probe(ROOT.directory().resolve("cache"));

    assertThat(features).isEqualTo(new KernelFeatures(true, true, null));
    assertThat(ROOT.directory().resolve("cache")).isEmptyDirectory();
  }

  @Test
  void tmpfsHasNoPreContentEvents() throws Exception {
    Path memory = ROOT.make("memory");
    Run.ok("mount", "-t", "tmpfs", "none", memory.toString());

    KernelFeatures features = KernelFeatures.probe(memory);

    assertThat(features.preContent()).isFalse();
    assertThat(features.missing())
        .contains(memory + " is on tmpfs, which has no pre-content events: put the cache on");
    assertThat(memory).isEmptyDirectory();
  }

  @Test
  void overlayfsHoldsNoImage() throws Exception {
    for (String name : new String[] {"lower", "upper", "work", "over"}) {
      ROOT.make(name);
    }
    Path d = ROOT.directory();
    Run.ok(
        "mount",
        "-t",
        "overlay",
        "none",
        "-o",
        "lowerdir=%s/lower,upperdir=%s/upper,workdir=%s/work".formatted(d, d, d),
        d.resolve("over").toString());

    KernelFeatures features = KernelFeatures.probe(d.resolve("over"));

    assertThat(features.erofs()).isFalse();
    assertThat(features.missing()).contains("not on overlayfs").doesNotContain("\n");
  }

  @Test
  void aPlaceThatCannotBeWrittenIsSaid() {
    KernelFeatures features = KernelFeatures.probe(Path.of("/proc/nothing"));

    assertThat(features.isReady()).isFalse();
    assertThat(features.missing()).contains("/proc/nothing: can't be written to");
  }

  @Test
  void theTinyImageIsOneThatFsckLikes() throws Exception {
    dev.aquifer.testing.Requires.tool("fsck.erofs");
    Path image = Files.write(ROOT.directory().resolve("tiny"), TinyImage.bytes());
    Path blob = Files.write(ROOT.directory().resolve("blob"), new byte[TinyImage.BLOCK_BYTES]);

    Run.ok("fsck.erofs", "--device=" + blob, image.toString());
  }
}
