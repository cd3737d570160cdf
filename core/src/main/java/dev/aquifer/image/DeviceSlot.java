package dev.aquifer.image;

import dev.aquifer.io.ByteSource;
import dev.aquifer.io.CorruptDataException;
import dev.aquifer.io.LittleEndian;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * One slot of the device table: an extra device that holds file data. 128 bytes, little endian:
 *
 * <table>
 * <caption>device slot</caption>
 * <tr><th>offset</th><th>width</th><th>field</th><th>meaning</th></tr>
 * <tr><td>0</td><td>64</td><td>tag</td><td>what the image calls the device</td></tr>
 * <tr><td>64</td><td>4</td><td>blocks_lo</td><td>size in blocks</td></tr>
 * <tr><td>68</td><td>4</td><td>uniaddr_lo</td><td>first block in the flat address space, or 0</td></tr>
 * <tr><td>72</td><td>2</td><td>blocks_hi</td><td>with 48BIT</td></tr>
 * <tr><td>74</td><td>2</td><td>uniaddr_hi</td><td>with 48BIT</td></tr>
 * <tr><td>76</td><td>52</td><td>reserved</td><td></td></tr>
 * </table>
 *
 * @param device the number of the device, from 1
 * @param tag what the image calls the device, without the zero bytes at its end: a digest, a UUID
 *     or a name; see {@link ByteNames} for bytes that are no UTF-8
 * @param blocks the size of the device in blocks of the image; 0 where the image does not say, as
 *     those of mkfs.erofs 1.5
 * @param uniaddrBlocks the device's first block in the flat address space, or 0 if it has none
 */
public record DeviceSlot(int device, String tag, long blocks, long uniaddrBlocks) {
  /** The size of a slot in the table. */
  public static final int SIZE_BYTES = 128;

  private static final int TAG_BYTES = 64;

  /** Reads the device table of {@code primary}; empty if it has none. */
  static List<DeviceSlot> readTable(ByteSource primary, Superblock superblock) throws IOException {
    int count = superblock.extraDevices();
    long position = superblock.deviceTablePositionBytes();
    long end = position + (long) count * SIZE_BYTES;
    if (count > 0 && end > primary.sizeBytes()) {
      throw new CorruptDataException(
          "%s: device table at byte 0x%x: %d slots end at byte 0x%x, but the image ends at byte 0x%x"
              .formatted(primary.name(), position, count, end, primary.sizeBytes()));
    }
    MemorySegment table =
        MemorySegment.ofArray(
            count == 0 ? new byte[0] : primary.readBytes(position, count * SIZE_BYTES));
    List<DeviceSlot> slots = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      DeviceSlot slot = decode(table.asSlice((long) i * SIZE_BYTES, SIZE_BYTES), i + 1, superblock);
      slot.check(primary, superblock);
      slots.add(slot);
    }
    return List.copyOf(slots);
  }

  private static DeviceSlot decode(MemorySegment slot, int device, Superblock superblock) {
    byte[] tag = slot.asSlice(0, TAG_BYTES).toArray(ValueLayout.JAVA_BYTE);
    int length = TAG_BYTES;
    while (length > 0 && tag[length - 1] == 0) {
      length--;
    }
    boolean is48Bit = superblock.has(Feature.WIDE_ADDRESSES);
    return new DeviceSlot(
        device,
        ByteNames.toText(Arrays.copyOf(tag, length)),
        LittleEndian.u32(slot, 64) | (is48Bit ? (long) LittleEndian.u16(slot, 72) << 32 : 0),
        LittleEndian.u32(slot, 68) | (is48Bit ? (long) LittleEndian.u16(slot, 74) << 32 : 0));
  }

  private void check(ByteSource primary, Superblock superblock) throws CorruptDataException {
    // So that no sum of the two overflows when it is turned into bytes.
    long maxBlocks = Long.MAX_VALUE >>> superblock.blockBits() + 1;
    if (blocks > maxBlocks || uniaddrBlocks > maxBlocks) {
      throw new CorruptDataException(
          "%s: device slot %d: %d blocks at flat block %d: expected at most %d"
              .formatted(primary.name(), device, blocks, uniaddrBlocks, maxBlocks));
    }
  }
}
