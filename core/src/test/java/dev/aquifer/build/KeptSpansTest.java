package dev.aquifer.build;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class KeptSpansTest {
  private static final MemorySegment KIBIBYTE = MemorySegment.ofArray(new byte[1024]);

  @TempDir Path temp;
  private final KeptSpans kept = new KeptSpans(10 * 1024);
  private final List<ReuseImage> images = new ArrayList<>();
  private final List<StoredBlob> blobs = new ArrayList<>();

  @BeforeEach
  void openBlobs() throws IOException {
    for (int i = 0; i < 3; i++) {
      MemoryTree tree = new MemoryTree();
      tree.file("f", TestTrees.noise(i, 5000));
      Path layout = temp.resolve("" + i);
      ImageBuilder.defaults().buildLayout(tree, layout);
      images.add(ReuseImage.open(layout));
      blobs.add(images.getLast().blobs().getFirst());
    }
  }

  @AfterEach
  void close() throws IOException {
    for (ReuseImage image : images) {
      image.close();
    }
  }

  private long count() {
    long count = 0;
    for (StoredBlob blob : blobs) {
      for (int i = 0; i < 100; i++) {
        count += kept.get(blob, i) == null ? 0 : 1;
      }
    }
    return count;
  }

  @Test
  void allBlobsTogetherKeepNoMoreThanTheLimit() {
    for (int i = 0; i < 100; i++) {
      for (StoredBlob blob : blobs) {
        kept.put(blob, i, KIBIBYTE);
      }
      assertThat(count()).isEqualTo(Math.min(10, 3 * (i + 1)));
    }
    for (StoredBlob blob : blobs) {
      assertThat(kept.get(blob, 99)).isSameAs(KIBIBYTE);
    }
  }

  @Test
  void whatWasUsedLastStays() {
    kept.put(blobs.get(0), 0, KIBIBYTE);
    for (int i = 0; i < 50; i++) {
      kept.put(blobs.get(1), i, KIBIBYTE);
      assertThat(kept.get(blobs.get(0), 0)).isNotNull();
    }
    kept.drop(blobs.get(1));
    assertThat(count()).isEqualTo(1);
  }

  @Test
  void aSpanLargerThanTheLimitIsKeptAlone() {
    kept.put(blobs.get(0), 0, KIBIBYTE);
    kept.put(blobs.get(0), 1, MemorySegment.ofArray(new byte[20 * 1024]));
    assertThat(count()).isEqualTo(1);
    assertThat(kept.get(blobs.get(0), 1)).isNotNull();
  }
}
