package dev.aquifer.build;

import java.io.IOException;
import java.util.List;

/**
 * What storing equal data once would save in images of several trees. {@link SharingCount} makes
 * it, {@link #of} in one call.
 *
 * @param inputs the trees in the order in which they were given
 * @param cuts the numbers for each way to cut files: in chunks of 4 KiB, 64 KiB and 1 MiB, and
 *     whole files
 */
public record SharingReport(List<Input> inputs, List<Cut> cuts) {
  /** {@link Cut#chunkBytes} of whole files. */
  public static final int WHOLE_FILES = 0;

  /** With this many inputs or fewer, and two or more, {@link Cut#common} is there. */
  public static final int MAX_COMPARED = 8;

  /** Copies the lists. */
  public SharingReport {
    inputs = List.copyOf(inputs);
    cuts = List.copyOf(cuts);
  }

  /**
   * One tree.
   *
   * @param name what it is called
   * @param files its regular files, each once whatever the count of its names
   * @param bytes their sizes
   */
  public record Input(String name, long files, long bytes) {}

  /**
   * The numbers for one way to cut files.
   *
   * @param chunkBytes the size of chunks, counted from the beginning of each file; or {@link
   *     #WHOLE_FILES}
   * @param inputs each tree alone
   * @param all all of them together
   * @param common in row a and column b, how many distinct bytes of b are in a, too; so in row a
   *     and column a the {@code unique} bytes of a. Empty unless there are 2 to {@link
   *     #MAX_COMPARED} inputs
   */
  public record Cut(int chunkBytes, List<Bytes> inputs, Bytes all, List<List<Long>> common) {
    /** Copies the lists. */
    public Cut {
      inputs = List.copyOf(inputs);
      common = common.stream().map(List::copyOf).toList();
    }
  }

  /**
   * Where bytes of regular files would go: {@code total = zeros + unique + saved}.
   *
   * @param total the sizes of all regular files
   * @param zeros of these, stored nowhere: holes and chunks of zeros; of whole files those that
   *     chunks of 1 MiB leave out
   * @param unique of these, what is left when equal chunks are stored once
   * @param saved of these, what need not be stored again
   * @param added of {@code unique}, what no input before this one has
   */
  public record Bytes(long total, long zeros, long unique, long saved, long added) {}

  /**
   * Reads all regular files of {@code trees}; see {@link SharingCount}.
   *
   * @param trees are called by their names; stay open
   * @param threads how many read and hash: 1 to 256; the result is always the same
   * @throws IOException if a tree can't be read, or changes meanwhile
   */
  public static SharingReport of(List<SourceTree> trees, int threads) throws IOException {
    SharingCount count = new SharingCount(threads, BuildProgress.NONE);
    for (SourceTree tree : trees) {
      count.add(tree, tree.name());
    }
    return count.report();
  }
}
