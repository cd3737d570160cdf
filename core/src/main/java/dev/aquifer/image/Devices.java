package dev.aquifer.image;

import dev.aquifer.io.ByteSource;
import dev.aquifer.io.CorruptDataException;
import dev.aquifer.io.Errno;
import dev.aquifer.io.RefusedException;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Supplier;

/**
 * The devices that data is on: the primary one, number 0, and those of the device table, from 1.
 * The latter need not be attached to find data, only to read it.
 *
 * <p>An address of device 0 that lies in the flat range of a slot means that slot's device.
 */
final class Devices {
  private final ByteSource primary;
  private final List<DeviceSlot> slots;
  private final List<ByteSource> attached;
  private final int blockBits;
  private final int deviceMask;

  /** The slots that have a place in the flat address space, by their first byte there. */
  private final TreeMap<Long, DeviceSlot> flatSlots = new TreeMap<>();

  private Devices(
      ByteSource primary, List<DeviceSlot> slots, List<ByteSource> attached, int blockBits)
      throws CorruptDataException {
    this.primary = primary;
    this.slots = slots;
    this.attached = attached;
    this.blockBits = blockBits;
    // Device numbers in chunk indexes have as many bits as the largest needs.
    this.deviceMask = slots.isEmpty() ? 0 : Integer.highestOneBit(slots.size()) * 2 - 1;
    long end = 0;
    for (DeviceSlot slot : slots) {
      if (slot.uniaddrBlocks() != 0 && slot.blocks() != 0) {
        if (flatSlots.put(slot.uniaddrBlocks() << blockBits, slot) != null) {
          throw overlap(slot);
        }
      }
    }
    for (Map.Entry<Long, DeviceSlot> entry : flatSlots.entrySet()) {
      if (entry.getKey() < end) {
        throw overlap(entry.getValue());
      }
      end = entry.getKey() + sizeBytes(entry.getValue());
    }
  }

  private CorruptDataException overlap(DeviceSlot slot) {
    return new CorruptDataException(
        "%s: device slot %d: its flat range overlaps that of another slot"
            .formatted(primary.name(), slot.device()));
  }

  /** The devices of an image, none but the primary one attached. */
  static Devices of(ByteSource primary, List<DeviceSlot> slots, int blockBits)
      throws CorruptDataException {
    return new Devices(primary, slots, List.of(), blockBits);
  }

  /** The same devices with {@code sources} attached, in table order. */
  Devices attach(List<ByteSource> sources) throws CorruptDataException, RefusedException {
    if (sources.size() != slots.size()) {
      throw new RefusedException(
          Errno.EINVAL,
          "%s: %d devices are given: its device table has %d; give them all, in the table's order"
              .formatted(primary.name(), sources.size(), slots.size()));
    }
    for (DeviceSlot slot : slots) {
      ByteSource source = sources.get(slot.device() - 1);
      if (source.sizeBytes() < sizeBytes(slot)) {
        throw new RefusedException(
            Errno.EINVAL,
            "%s: has %d bytes: device slot %d (%s) of %s needs %d; is it another slot's device?"
                .formatted(
                    source.name(),
                    source.sizeBytes(),
                    slot.device(),
                    describeTag(slot),
                    primary.name(),
                    sizeBytes(slot)));
      }
    }
    return new Devices(primary, slots, List.copyOf(sources), blockBits);
  }

  List<DeviceSlot> slots() {
    return slots;
  }

  /** The device number that a chunk index means by {@code bits}. */
  int deviceOf(int bits) {
    return bits & deviceMask;
  }

  /** Bytes on a device, all of them inside it. */
  record Place(int device, long addressBytes) {
    /** The extent of some of them, {@code skip} bytes further on. */
    Extent.Plain at(long skip, long fileOffset, long lengthBytes) {
      return new Extent.Plain(fileOffset, lengthBytes, device, addressBytes + skip);
    }
  }

  /**
   * Where {@code lengthBytes} bytes at {@code addressBytes} of {@code device} are, resolved from
   * the flat address space and inside their device.
   *
   * @param fileOffset which byte of a file the first one is, for messages
   * @param what whose bytes they are, for messages
   */
  Place locate(
      int device, long addressBytes, long lengthBytes, long fileOffset, Supplier<String> what)
      throws CorruptDataException {
    int number = device;
    long address = addressBytes;
    if (device == 0) {
      Map.Entry<Long, DeviceSlot> below = flatSlots.floorEntry(address);
      if (below != null && address - below.getKey() < sizeBytes(below.getValue())) {
        number = below.getValue().device();
        address -= below.getKey();
      }
    }
    if (number > slots.size()) {
      throw new CorruptDataException(
          "%s: byte %d of its data is on device %d: the device table has %d"
              .formatted(what.get(), fileOffset, number, slots.size()));
    }
    long size = number == 0 ? primary.sizeBytes() : reachBytes(slots.get(number - 1));
    if (address < 0 || address > size - lengthBytes) {
      throw new CorruptDataException(
          "%s: %d bytes of its data are at byte 0x%x of device %d, which ends at byte 0x%x"
              .formatted(what.get(), lengthBytes, address, number, size));
    }
    return new Place(number, address);
  }

  /**
   * The bytes of {@code device}.
   *
   * @param what who wants them, for the message
   * @throws RefusedException if it is not attached
   */
  ByteSource source(int device, Supplier<String> what) throws RefusedException {
    if (device == 0) {
      return primary;
    }
    if (attached.isEmpty()) {
      throw new RefusedException(
          Errno.ENODEV,
          "%s: its data is on device %d of %d (%s), and no devices are attached; give them all, in the table's order"
              .formatted(what.get(), device, slots.size(), describeTag(slots.get(device - 1))));
    }
    return attached.get(device - 1);
  }

  /** Where data on a device ends at the latest; without limit if nothing says it yet. */
  private long reachBytes(DeviceSlot slot) {
    if (slot.blocks() != 0) {
      return sizeBytes(slot);
    }
    return attached.isEmpty() ? Long.MAX_VALUE : attached.get(slot.device() - 1).sizeBytes();
  }

  private long sizeBytes(DeviceSlot slot) {
    return slot.blocks() << blockBits;
  }

  private static String describeTag(DeviceSlot slot) {
    return slot.tag().isEmpty()
        ? "without a tag"
        : "tag " + ByteNames.quote(ByteNames.toBytes(slot.tag()));
  }
}
