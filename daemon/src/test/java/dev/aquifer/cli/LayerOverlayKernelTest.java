package dev.aquifer.cli;

import static dev.aquifer.cli.LinuxTreeTest.lines;
import static dev.aquifer.cli.LinuxTreeTest.run;
import static org.assertj.core.api.Assertions.assertThat;

import dev.aquifer.testing.Requires;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Layers as overlayfs has them, from archives with marks: what the kernel makes of them. */
class LayerOverlayKernelTest {
  @TempDir Path temp;

  private void shell(String script) throws Exception {
    run("sh", "-ec", "cd \"$1\"; " + script, "sh", temp.toString());
  }

  private Path build(String archive, Object... options) {
    Path image = temp.resolve(archive + ".erofs");
    List<Object> words = new ArrayList<>(List.of("build", temp.resolve(archive), "--aufs"));
    words.addAll(List.of("-o", image));
    words.addAll(List.of(options));
    Program.Outcome outcome = Program.run(words.toArray());
    assertThat(outcome.exitCode()).as(outcome.err()).isZero();
    return image;
  }

  private void makeLayers() throws Exception {
    shell(
        """
        mkdir -p lower/keep lower/gone lower/opaque/sub lower/again upper/opaque upper/again
        for d in keep gone opaque again; do seq 1000 > lower/$d/old; echo x > lower/$d/other; done
        touch upper/.wh.gone upper/.wh.none upper/opaque/.wh..wh..opq upper/.wh.again
        echo new > upper/opaque/new; echo new > upper/again/new
        mkdir upper/keep; touch upper/keep/.wh.old; echo more > upper/keep/more
        mkdir merged; cp -a lower/keep merged/; rm merged/keep/old; cp -a upper/keep/more merged/keep/
        cp -a upper/opaque upper/again merged/; rm merged/opaque/.wh..wh..opq
        find lower upper merged -exec touch -hd @1700000000 {} +
        tar -C lower -cf lower.tar .; tar -C upper -cf upper.tar .
        """);
  }

  @Tag("root")
  @ParameterizedTest
  @ValueSource(strings = {"--single", "-zlz4", "--tar=i", "-Enoinline_data"})
  void theKernelMergesThemAsTheArchivesSay(String option) throws Exception {
    Requires.root();
    makeLayers();
    Path lower = build("lower.tar", option);
    Path upper = build("upper.tar", option);
    boolean isIndex = option.equals("--tar=i");
    Path target = Files.createDirectory(temp.resolve("overlay"));
    try (DeviceMount below = mount(lower, isIndex, "lower.tar");
        DeviceMount above = mount(upper, isIndex, "upper.tar")) {
      String layers = "lowerdir=" + above.target() + ":" + below.target();
      run("mount", "-t", "overlay", "-o", layers, "overlay", target.toString());
      try (LinuxTree seen = LinuxTree.open(target);
          LinuxTree merged = LinuxTree.open(temp.resolve("merged"))) {
        assertThat(lines(seen)).isEqualTo(lines(merged));
      } finally {
        run("umount", target.toString());
      }
    }
  }

  @Tag("root")
  @Test
  void mergingThemSaysTheSame() throws Exception {
    Requires.root();
    makeLayers();
    Path lower = build("lower.tar", "--tar=i");
    Path upper = build("upper.tar", "--tar=i");
    Path image = temp.resolve("merged.erofs");
    Program.Outcome outcome = Program.run("merge", lower, upper, "-o", image);
    assertThat(outcome.exitCode()).as(outcome.err()).isZero();
    List<Path> archives = List.of(temp.resolve("lower.tar"), temp.resolve("upper.tar"));
    try (DeviceMount mount = DeviceMount.of(image, archives, temp);
        LinuxTree seen = LinuxTree.open(mount.target());
        LinuxTree merged = LinuxTree.open(temp.resolve("merged"))) {
      assertThat(lines(seen)).isEqualTo(lines(merged));
    }
  }

  private DeviceMount mount(Path image, boolean isIndex, String archive) throws Exception {
    List<Path> devices = isIndex ? List.of(temp.resolve(archive)) : List.of();
    return DeviceMount.of(image, devices, temp);
  }

  @Tag("root")
  @Test
  void aStrippedLayerHidesNothing() throws Exception {
    Requires.root();
    makeLayers();
    Path upper = build("upper.tar", "--single", "--ovlfs-strip");
    try (DeviceMount mount = DeviceMount.of(upper, List.of(), temp)) {
      shell(
          "cp -a upper bare; rm -rf bare/.wh.*; find bare -name '.wh.*' -delete; find bare -exec touch -hd @1700000000 {} +");
      try (LinuxTree seen = LinuxTree.open(mount.target());
          LinuxTree bare = LinuxTree.open(temp.resolve("bare"))) {
        assertThat(lines(seen)).isEqualTo(lines(bare));
      }
    }
    Program.Outcome wrong =
        Program.run(
            "build", temp.resolve("upper.tar"), "-o", temp.resolve("no"), "--ovlfs-strip=2");
    assertThat(wrong.exitCode()).isEqualTo(2);
    assertThat(wrong.err()).contains("--ovlfs-strip=2: expected 0 or 1");
    assertThat(temp.resolve("no")).doesNotExist();
  }
}
