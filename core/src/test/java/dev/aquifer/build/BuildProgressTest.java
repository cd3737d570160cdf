package dev.aquifer.build;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.aquifer.codec.Compression;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BuildProgressTest {
  private static final long HOLE_BYTES = 1L << 36;

  /** 20,000,000 bytes, 700 and a hole with 10 more at its end. */
  private static final long TOTAL_BYTES = 20_000_700 + HOLE_BYTES + 10;

  @TempDir Path temp;
  private final List<Long> told = new ArrayList<>();
  private final List<Thread> threads = new ArrayList<>();

  private static MemoryTree tree() {
    MemoryTree tree = new MemoryTree();
    tree.file("large", TestTrees.noise(1, 20_000_000));
    tree.file("inline", TestTrees.noise(2, 500));
    tree.directory("below");
    tree.file("below/small", TestTrees.noise(3, 200));
    tree.hardLink("below/again", "large");
    tree.link("link", "large");
    tree.sparse("sparse", HOLE_BYTES + 10).data(HOLE_BYTES, TestTrees.noise(4, 10));
    return tree;
  }

  private void hear(long done, long total) {
    assertThat(total).isEqualTo(TOTAL_BYTES);
    told.add(done);
    threads.add(Thread.currentThread());
  }

  private void checkWhatWasTold() {
    assertThat(told).isSorted().endsWith(TOTAL_BYTES);
    assertThat(threads).containsOnly(Thread.currentThread());
    // At least once for each 4 MiB of what is read.
    assertThat(told.stream().distinct().count()).isGreaterThan(20_000_000 / (4 << 20));
  }

  @Test
  void aLayoutTells() throws IOException {
    ImageBuilder builder = ImageBuilder.defaults().threads(3).progress(this::hear);
    BuildResult result = builder.buildLayout(tree(), temp.resolve("out"));

    checkWhatWasTold();
    assertThat(result.bytes().source()).isEqualTo(TOTAL_BYTES);
    checkPhases(result.phases(), result.elapsed());
  }

  @Test
  void anImageInOneFileTells() throws IOException {
    Encoding encoding =
        Encoding.compressed(Compression.parse("lz4")).withFragments(Encoding.Fragments.TAILS);
    ImageBuilder builder = ImageBuilder.defaults().threads(3).progress(this::hear);
    SingleImage.Result result = builder.encoding(encoding).buildFile(tree(), temp.resolve("out"));

    checkWhatWasTold();
    assertThat(result.sourceBytes()).isEqualTo(TOTAL_BYTES);
    assertThat(result.sizeBytes()).isEqualTo(Files.size(temp.resolve("out")));
    checkPhases(result.phases(), result.elapsed());
  }

  /** None is left out, and none counts twice. */
  private static void checkPhases(BuildResult.Phases phases, Duration elapsed) {
    List<Duration> all = List.of(phases.tree(), phases.data(), phases.metadata(), phases.commit());
    assertThat(all).allMatch(each -> each.isPositive());
    assertThat(all.stream().reduce(Duration.ZERO, Duration::plus)).isEqualTo(elapsed);
  }

  @Test
  void aReportTellsWithoutATotal() throws IOException {
    SharingCount count =
        new SharingCount(
            2,
            (done, total) -> {
              assertThat(total).isZero();
              told.add(done);
            });
    count.add(tree(), "tree");
    assertThat(told).isSorted().endsWith(TOTAL_BYTES);
    assertThat(told.stream().distinct().count()).isGreaterThan(20);
  }

  @Test
  void whatTheListenerThrowsEndsTheBuild() throws IOException {
    ImageBuilder builder =
        ImageBuilder.defaults()
            .progress(
                (done, total) -> {
                  throw new IllegalStateException("enough");
                });
    assertThatThrownBy(() -> builder.buildLayout(tree(), temp.resolve("out"))).hasMessage("enough");
    assertThat(Files.list(temp)).isEmpty();
  }
}
