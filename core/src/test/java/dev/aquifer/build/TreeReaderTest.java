package dev.aquifer.build;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is read of a tree before it is its turn. */
class TreeReaderTest {
  private static final int DIRECTORIES = 3;
  private static final int FILES = 1000;
  private static final int VALUE_BYTES = 60_000;

  @TempDir Path temp;

  /** A tree whose files all have the same large attribute, as an image may have it once. */
  private static final class LargeXattrs extends MemoryTree {
    private final List<Xattr> xattrs =
        List.of(Xattr.of(bytes("user.large"), new byte[VALUE_BYTES]));
    private final Thread reader = Thread.currentThread();
    final AtomicLong aheadBytes = new AtomicLong();

    LargeXattrs() {
      for (int i = 0; i < DIRECTORIES; i++) {
        directory("d" + i);
        for (int j = 0; j < FILES; j++) {
          file("d" + i + "/f" + j, new byte[0]);
        }
      }
    }

    @Override
    public List<Xattr> xattrs(SourceEntry entry) {
      if (Thread.currentThread() != reader) {
        aheadBytes.addAndGet(VALUE_BYTES);
      }
      return xattrs;
    }
  }

  @Test
  void littleOfLargeAttributesIsReadAhead() throws IOException {
    LargeXattrs source = new LargeXattrs();
    BuildOptions options = BuildOptions.defaults().with(draft -> draft.threads = 4);
    try (Spool spool = Spool.create(OutputFile.createScratch(temp.resolve("spool")))) {
      Tree tree = TreeReader.read(source, spool, options, Set.of());
      assertThat(tree.nodes()).hasSize(1 + DIRECTORIES * (1 + FILES));
    }
    // Of the root and each directory 1 MiB, and the attribute in which that ends.
    assertThat(source.aheadBytes.get())
        .isPositive()
        .isLessThanOrEqualTo((1 + DIRECTORIES) * ((1L << 20) + VALUE_BYTES));
  }
}
