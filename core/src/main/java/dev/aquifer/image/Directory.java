package dev.aquifer.image;

import dev.aquifer.io.ByteSource;
import dev.aquifer.io.CorruptDataException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** A directory of an image. Immutable and safe for use by many threads. */
public final class Directory {
  /** How much of a directory an iteration reads at once, at least one block. */
  private static final int READ_BYTES = 64 * 1024;

  private static final byte[] DOT = {'.'};
  private static final byte[] DOT_DOT = {'.', '.'};

  private final Volume volume;
  private final Inode inode;
  private final ByteSource data;
  private final int blockSize;

  Directory(Volume volume, Inode inode) throws IOException {
    this.volume = volume;
    this.inode = inode;
    this.data = volume.data(inode);
    this.blockSize = volume.superblock().blockSizeBytes();
  }

  /** Takes one entry after the other. */
  @FunctionalInterface
  public interface Visitor {
    /** Called for one entry; what it throws ends the iteration. */
    void visit(DirEntry entry) throws IOException;
  }

  /** The inode of the directory. */
  public Inode inode() {
    return inode;
  }

  /**
   * The entry of exactly this name, by binary search. {@code ..} is found as it is stored; {@code
   * .} is not stored in every image.
   *
   * @throws CorruptDataException if what the search looks at is damaged
   */
  public Optional<DirEntry> find(byte[] name) throws IOException {
    long number = blockOf(name);
    return number < 0 ? Optional.empty() : find(block(number), name);
  }

  /** The block that {@code name} is in, if it is in any; -1 if there are none. */
  private long blockOf(byte[] name) throws IOException {
    long low = 0;
    long high = blockCount() - 1;
    // The last block whose first name is not above the wanted one.
    while (low < high) {
      long middle = low + (high - low + 1) / 2;
      if (Arrays.compareUnsigned(block(middle).name(0), name) <= 0) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    return high < 0 ? -1 : low;
  }

  private static Optional<DirEntry> find(DirBlock block, byte[] name) throws IOException {
    int low = 0;
    int high = block.count() - 1;
    while (low <= high) {
      int middle = low + high >>> 1;
      int order = Arrays.compareUnsigned(block.name(middle), name);
      if (order == 0) {
        return Optional.of(block.entry(middle));
      }
      if (order < 0) {
        low = middle + 1;
      } else {
        high = middle - 1;
      }
    }
    return Optional.empty();
  }

  /**
   * Gives all entries but {@code .} and {@code ..} to {@code visitor}, in the order of their
   * unsigned bytes.
   *
   * @throws CorruptDataException if a name or the order is not as it must be; entries before that
   *     have been given
   */
  public void forEach(Visitor visitor) throws IOException {
    forEachFrom(0, visitor);
  }

  /** As {@link #forEach}, for the names behind {@code after}: it begins near them. */
  public void forEachAfter(byte[] after, Visitor visitor) throws IOException {
    forEachFrom(
        Math.max(0, blockOf(after)),
        entry -> {
          if (Arrays.compareUnsigned(entry.nameWithoutCopy(), after) > 0) {
            visitor.visit(entry);
          }
        });
  }

  private void forEachFrom(long block, Visitor visitor) throws IOException {
    int readBytes = Math.max(blockSize, READ_BYTES);
    byte @Nullable [] previous = null;
    for (long position = block * blockSize; position < data.sizeBytes(); position += readBytes) {
      int length = (int) Math.min(readBytes, data.sizeBytes() - position);
      byte[] bytes = read(position, length);
      for (int offset = 0; offset < length; offset += blockSize) {
        long number = (position + offset) / blockSize;
        DirBlock part =
            new DirBlock(bytes, offset, Math.min(blockSize, length - offset), () -> place(number));
        previous = forEach(part, number, previous, visitor);
      }
    }
  }

  /** Returns the last name, so that the order can be checked across blocks. */
  private byte[] forEach(DirBlock block, long number, byte @Nullable [] before, Visitor visitor)
      throws IOException {
    byte @Nullable [] previous = before;
    for (int i = 0; i < block.count(); i++) {
      DirEntry entry = block.entry(i);
      byte[] name = entry.nameWithoutCopy();
      // Strictly rising names also keep a hostile directory from repeating its blocks for ever.
      if (previous != null && Arrays.compareUnsigned(previous, name) >= 0) {
        throw new CorruptDataException(
            "%s: entry %d: name %s does not come after %s"
                .formatted(place(number), i, ByteNames.quote(name), ByteNames.quote(previous)));
      }
      previous = name;
      if (Arrays.equals(name, DOT) || Arrays.equals(name, DOT_DOT)) {
        checkDot(entry, number);
      } else {
        visitor.visit(entry);
      }
    }
    return Objects.requireNonNull(previous, "a block has an entry");
  }

  private void checkDot(DirEntry entry, long number) throws IOException {
    boolean isSelf = entry.nameWithoutCopy().length == 1;
    if (entry.type() != FileType.DIRECTORY || isSelf && entry.nid() != inode.nid()) {
      throw new CorruptDataException(
          "%s: %s says %s, nid %d: expected directory%s"
              .formatted(
                  place(number),
                  ByteNames.quote(entry.nameWithoutCopy()),
                  entry.type(),
                  entry.nid(),
                  isSelf ? ", nid " + inode.nid() : ""));
    }
  }

  private long blockCount() {
    // Not rounded up by adding, which could overflow.
    return data.sizeBytes() == 0 ? 0 : (data.sizeBytes() - 1) / blockSize + 1;
  }

  private DirBlock block(long number) throws IOException {
    long position = number * blockSize;
    int length = (int) Math.min(blockSize, data.sizeBytes() - position);
    return new DirBlock(read(position, length), 0, length, () -> place(number));
  }

  private byte[] read(long position, int length) throws IOException {
    byte[] bytes = new byte[length];
    data.read(position, MemorySegment.ofArray(bytes));
    return bytes;
  }

  private String place(long blockNumber) {
    return "%s: directory block %d".formatted(inode.place(volume.name()), blockNumber);
  }
}
