package dev.aquifer.blob;

import dev.aquifer.format.SpanTable;
import dev.aquifer.io.FileSource;
import dev.aquifer.io.LittleEndian;
import dev.aquifer.io.Sha256;
import java.io.Closeable;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import org.jspecify.annotations.Nullable;

/**
 * The record on disk of the spans that a data file durably holds. It is believed only if it is
 * whole and was written for exactly this data file.
 *
 * <p>The file has two slots of equal size, written in turn: whatever a crash does to the one being
 * written, the other stays. The valid slot with the higher sequence counts. Spans are only added
 * during the life of a data file, so that the older slot is poorer but never wrong; when some are
 * taken back all the same, both slots are written.
 *
 * <table>
 * <caption>slot, little endian</caption>
 * <tr><th>offset</th><th>width</th><th>field</th><th>meaning</th></tr>
 * <tr><td>0</td><td>8</td><td>magic</td><td>the ASCII bytes {@code AQSPMAP} and a zero byte</td></tr>
 * <tr><td>8</td><td>4</td><td>version</td><td>1</td></tr>
 * <tr><td>12</td><td>4</td><td>spanBits</td><td>a span has 2^spanBits bytes</td></tr>
 * <tr><td>16</td><td>8</td><td>plainSize</td><td>size of the data file</td></tr>
 * <tr><td>24</td><td>8</td><td>sequence</td><td>1, 2, …</td></tr>
 * <tr><td>32</td><td>32</td><td>identity</td><td>the blob's id, or the digest that names an
 * unverified blob</td></tr>
 * <tr><td>64</td><td>8</td><td>inode</td><td>of the data file</td></tr>
 * <tr><td>72</td><td>8</td><td>birth</td><td>of the data file in ns; 0 where the file system has
 * none</td></tr>
 * <tr><td>80</td><td>8</td><td>device</td><td>of the data file if birth is 0, else 0, as its number
 * may change with a restart</td></tr>
 * <tr><td>88</td><td>8</td><td>modified</td><td>0 while the data file may be written; else its
 * modification time in ns after the last write</td></tr>
 * <tr><td>96</td><td>32</td><td>reserved</td><td>0</td></tr>
 * <tr><td>128</td><td>8 n</td><td>bits</td><td>bit i%64 of word i/64: span i is there</td></tr>
 * <tr><td>128+8n</td><td>32</td><td>checksum</td><td>SHA-256 of the slot up to here</td></tr>
 * </table>
 *
 * <p>Not safe for use by several threads: its {@link SpanFile} has a lock for it.
 */
final class SpanMap implements Closeable {
  private static final long MAGIC = 0x0050414d50535141L; // "AQSPMAP\0"
  private static final int VERSION = 1;
  private static final int HEADER_BYTES = 128;
  private static final int SLOT_ALIGNMENT = 4096;

  private final FileChannel channel;
  private final Sha256 identity;
  private final int spanBits;
  private final long plainSizeBytes;
  private final int words;
  private long sequence;
  private long birthNanos;
  private boolean isAtRest;

  /** Takes over {@code channel}. */
  SpanMap(FileChannel channel, Sha256 identity, SpanTable table) {
    this.channel = channel;
    this.identity = identity;
    this.spanBits = table.spanBits();
    this.plainSizeBytes = table.plainSizeBytes();
    this.words = SpanBits.wordsOf(table.count());
  }

  private int slotUsedBytes() {
    return HEADER_BYTES + 8 * words + Sha256.SIZE_BYTES;
  }

  private long slotBytes() {
    return (slotUsedBytes() + SLOT_ALIGNMENT - 1) / SLOT_ALIGNMENT * (long) SLOT_ALIGNMENT;
  }

  /**
   * Writes both slots, none valid, so that a later write needs no room on a full disk.
   *
   * @param birthNanos when the data file was made; 0 if the file system does not say
   */
  void format(long birthNanos) throws IOException {
    this.birthNanos = birthNanos;
    try (Arena arena = Arena.ofConfined()) {
      FileSource.writeFully(channel, 0, arena.allocate(2 * slotBytes()));
    }
    channel.force(true);
  }

  /**
   * The bits of the newest valid slot; null if there is none, or if it is for another data file
   * than the one that {@code data} describes.
   */
  long @Nullable [] read(FileIdentity data) throws IOException {
    if (channel.size() != 2 * slotBytes()) {
      return null;
    }
    long[] newest = null;
    long newestModified = 0;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment slot = arena.allocate(slotUsedBytes());
      for (int i = 0; i < 2; i++) {
        FileSource.readFully(channel, i * slotBytes(), slot, "span map");
        if (isValid(slot, data) && LittleEndian.u64(slot, 24) > sequence) {
          sequence = LittleEndian.u64(slot, 24);
          birthNanos = LittleEndian.u64(slot, 72);
          newestModified = LittleEndian.u64(slot, 88);
          newest = new long[words];
          for (int w = 0; w < words; w++) {
            newest[w] = LittleEndian.u64(slot, HEADER_BYTES + 8L * w);
          }
        }
      }
    }
    isAtRest = newestModified != 0;
    // Somebody else wrote to a data file that was at rest.
    return newestModified != 0 && newestModified != data.modifiedNanos() ? null : newest;
  }

  private boolean isValid(MemorySegment slot, FileIdentity data) {
    long checksumAt = slot.byteSize() - Sha256.SIZE_BYTES;
    return LittleEndian.u64(slot, 0) == MAGIC
        && LittleEndian.u32(slot, 8) == VERSION
        && Sha256.hash(slot.asSlice(0, checksumAt)).equals(digest(slot, checksumAt))
        && LittleEndian.u32(slot, 12) == spanBits
        && LittleEndian.u64(slot, 16) == plainSizeBytes
        && digest(slot, 32).equals(identity)
        && LittleEndian.u64(slot, 64) == data.inode()
        && (LittleEndian.u64(slot, 72) == 0
            ? LittleEndian.u64(slot, 80) == data.device()
            : LittleEndian.u64(slot, 72) == data.createdNanos())
        && data.sizeBytes() == plainSizeBytes;
  }

  private static Sha256 digest(MemorySegment slot, long at) {
    return Sha256.of(slot.asSlice(at, Sha256.SIZE_BYTES).toArray(ValueLayout.JAVA_BYTE));
  }

  /** Whether the slot that was read says that the data file is not written any more. */
  boolean isAtRest() {
    return isAtRest;
  }

  /**
   * Writes the next slot, durably.
   *
   * @param bits spans whose data is durable
   * @param isAtRest whether the data file is not written after {@code data} was taken
   */
  void write(long[] bits, FileIdentity data, boolean isAtRest) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment slot = arena.allocate(slotUsedBytes());
      LittleEndian.put64(slot, 0, MAGIC);
      LittleEndian.put32(slot, 8, VERSION);
      LittleEndian.put32(slot, 12, spanBits);
      LittleEndian.put64(slot, 16, plainSizeBytes);
      LittleEndian.put64(slot, 24, sequence + 1);
      MemorySegment.copy(MemorySegment.ofArray(identity.bytes()), 0, slot, 32, Sha256.SIZE_BYTES);
      LittleEndian.put64(slot, 64, data.inode());
      LittleEndian.put64(slot, 72, birthNanos);
      LittleEndian.put64(slot, 80, birthNanos == 0 ? data.device() : 0);
      LittleEndian.put64(slot, 88, isAtRest ? data.modifiedNanos() : 0);
      for (int w = 0; w < words; w++) {
        LittleEndian.put64(slot, HEADER_BYTES + 8L * w, bits[w]);
      }
      long checksumAt = slot.byteSize() - Sha256.SIZE_BYTES;
      byte[] checksum = Sha256.hash(slot.asSlice(0, checksumAt)).bytes();
      MemorySegment.copy(MemorySegment.ofArray(checksum), 0, slot, checksumAt, Sha256.SIZE_BYTES);
      FileSource.writeFully(channel, (sequence + 1) % 2 * slotBytes(), slot);
    }
    channel.force(false);
    sequence++;
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
