package dev.aquifer.image;

import static org.assertj.core.api.Assertions.assertThat;

import dev.aquifer.io.ByteSource;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestFactory;

/**
 * Images with bytes changed at random, or cut short: whatever they say, the reader answers or
 * throws an IOException, in bounded time and memory.
 *
 * <p>The system properties {@code aquifer.seed} and {@code aquifer.mutations} set the seed, which
 * is printed, and the number of changed copies of each image.
 */
@Tag("slow")
class MutationTest {
  private static final int MAX_INODES = 300;
  private static final int MAX_ENTRIES = 2000;
  private static final int READ_BYTES = 64 * 1024;

  @TestFactory
  Stream<DynamicTest> answersOrThrows() throws IOException {
    long seed = Long.getLong("aquifer.seed", new Random().nextLong());
    int count = Integer.getInteger("aquifer.mutations", 100);
    System.out.println("MutationTest: -Daquifer.seed=" + seed);
    GoldenImages golden = GoldenImages.ofResources();
    return golden.ids().stream()
        .map(
            id ->
                DynamicTest.dynamicTest(
                    id, () -> mutate(golden, id, new Random(seed ^ id.hashCode()), count)));
  }

  private static void mutate(GoldenImages golden, String id, Random random, int count)
      throws IOException {
    List<ByteSource> devices = golden.devices(id);
    byte[] whole = golden.bytes(id);
    Mutator mutator = new Mutator(whole, golden.open(id));
    // Enough that the test means something: the image itself is walked to its end.
    assertThat(Walk.of(PatchedImage.cut(whole, whole.length), devices)).isGreaterThan(0);
    int opened = 0;
    for (int i = 0; i < count; i++) {
      byte[] bytes = mutator.next(random);
      int answers =
          Assertions.assertTimeoutPreemptively(
              Duration.ofSeconds(60), () -> Walk.of(bytes, devices), id + ", copy " + i);
      opened += answers > 0 ? 1 : 0;
    }
    // Most changes leave an image that opens: else the test would look at superblocks alone.
    assertThat(opened).isGreaterThan(count / 4);
  }

  /** Asks one image for everything, within limits that are the walker's own. */
  private static final class Walk {
    private final Image image;
    private final Set<Long> seen = new HashSet<>();
    private final Deque<Inode> waiting = new ArrayDeque<>();
    private int answers;

    private Walk(Image image) {
      this.image = image;
    }

    /** Returns how many questions were answered. */
    static int of(byte[] bytes, List<ByteSource> devices) {
      Image image;
      try {
        image = Image.open(ByteSource.of("image", bytes));
        image.superblock().features();
        try {
          image = image.withDevices(devices);
        } catch (IOException e) {
          check(e);
        }
      } catch (IOException e) {
        check(e);
        return 0;
      }
      Walk walk = new Walk(image);
      walk.visit(image.root());
      while (!walk.waiting.isEmpty()) {
        walk.visit(walk.waiting.pop());
      }
      return walk.answers;
    }

    private interface Question {
      void ask() throws IOException;
    }

    private void ask(Question question) {
      try {
        question.ask();
        answers++;
      } catch (IOException e) {
        check(e);
      }
    }

    private static void check(IOException e) {
      assertThat(e.getMessage()).isNotBlank().doesNotContain("\n", "\0", "null");
    }

    private void visit(Inode inode) {
      if (!seen.add(inode.nid()) || seen.size() > MAX_INODES) {
        return;
      }
      ask(() -> image.xattrs(inode));
      ask(() -> image.readLink(inode));
      ask(() -> read(image.open(inode)));
      if (inode.sizeBytes() > 0) {
        ask(() -> map(inode, 0));
        ask(() -> map(inode, inode.sizeBytes() / 2));
        ask(() -> map(inode, inode.sizeBytes() - 1));
      }
      if (inode.type() == FileType.DIRECTORY) {
        List<DirEntry> entries = new ArrayList<>();
        ask(
            () ->
                image
                    .directory(inode)
                    .forEach(
                        entry -> {
                          entries.add(entry);
                          if (entries.size() > MAX_ENTRIES) {
                            throw new IOException("enough");
                          }
                        }));
        for (DirEntry entry : entries.subList(0, Math.min(entries.size(), 50))) {
          ask(() -> image.directory(inode).find(entry.name()));
          ask(() -> waiting.push(image.inode(entry)));
        }
        ask(() -> image.directory(inode).find(new byte[] {'m', 'm'}));
        ask(() -> image.lookup("/link/../names/x/y"));
      }
    }

    private void map(Inode inode, long offset) throws IOException {
      Extent extent = image.map(inode, offset);
      assertThat(extent.fileOffsetBytes()).isEqualTo(offset);
      assertThat(extent.lengthBytes()).isBetween(1L, inode.sizeBytes() - offset);
    }

    private static void read(ByteSource data) throws IOException {
      int length = (int) Math.min(data.sizeBytes(), READ_BYTES);
      data.readBytes(0, length);
      data.readBytes(data.sizeBytes() - length, length);
    }
  }
}
