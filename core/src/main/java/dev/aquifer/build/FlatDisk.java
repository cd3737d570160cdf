package dev.aquifer.build;

import dev.aquifer.io.ByteSource;
import dev.aquifer.io.LittleEndian;
import java.io.Closeable;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A VMDK descriptor: a text that makes one disk of an image and its devices, one behind the other,
 * where {@link ImageWriter} says that they are if nobody gives the devices one by one. It is as
 * mkfs.erofs 1.9.3 writes it, but for the names of files: each line of an extent has
 *
 * <table>
 * <caption>an extent</caption>
 * <tr><th>field</th><th>meaning</th></tr>
 * <tr><td>RW</td><td>how it is open; QEMU leaves out what is anything else</td></tr>
 * <tr><td>number</td><td>its length in sectors of 512 bytes, at most 2 GiB</td></tr>
 * <tr><td>FLAT</td><td>that the file has its bytes as they are</td></tr>
 * <tr><td>"name"</td><td>the file, from the descriptor's directory on</td></tr>
 * <tr><td>number</td><td>where in it the extent begins, in sectors</td></tr>
 * </table>
 */
final class FlatDisk implements Closeable {
  private static final int SECTOR_BITS = 9;
  private static final long MAX_SECTORS = 1L << 31 - SECTOR_BITS;
  private static final int HEADS = 16;
  private static final int SECTORS_OF_TRACK = 63;

  /** QEMU takes no longer ones. */
  private static final int MAX_NAME_BYTES = 511;

  private static final int UUID_AT = 1024 + 48;
  private static final int UUID_BYTES = 16;

  /**
   * What is wanted.
   *
   * @param descriptor where the text goes
   * @param devices the files of devices that are there before the image is
   */
  record Wanted(Path descriptor, List<Path> devices) {
    Wanted {
      devices = List.copyOf(devices);
    }
  }

  private final NewFile file;
  private final String image;
  private final List<String> devices;

  private FlatDisk(NewFile file, String image, List<String> devices) {
    this.file = file;
    this.image = image;
    this.devices = devices;
  }

  /**
   * Makes the file of the descriptor, if {@code options} want one.
   *
   * @param image where the image goes
   * @param device where the device goes that is built with it; null if none is
   * @throws IllegalArgumentException if a file has a name that can't be in a descriptor, or two
   *     have one place
   */
  static @Nullable FlatDisk create(BuildOptions options, Path image, @Nullable Path device)
      throws IOException {
    Wanted wanted = options.flatDisk();
    if (wanted == null) {
      return null;
    }
    Path descriptor = wanted.descriptor;
    Commit.checkApart("the image", image, "its descriptor", descriptor);
    options.checkApart("the descriptor", descriptor);
    List<Path> files = device == null ? wanted.devices : List.of(device);
    List<String> names = new ArrayList<>();
    for (Path file : files) {
      Commit.checkApart("the image", image, "its device", file);
      Commit.checkApart("the descriptor", descriptor, "a device", file);
      // Links before .. lead elsewhere than a new file's name says, which is taken by the word.
      names.add(name(descriptor, Files.exists(file) ? file.toAbsolutePath() : Commit.real(file)));
    }
    String imageName = name(descriptor, Commit.real(image));
    return new FlatDisk(
        NewFile.create(descriptor, options.force(), "building"), imageName, List.copyOf(names));
  }

  /** Relative if that is no way out of the descriptor's directory, so that both can be moved. */
  private static String name(Path descriptor, Path file) throws IOException {
    Path directory = Objects.requireNonNull(Commit.real(descriptor).getParent());
    Path parent = Objects.requireNonNull(file.getParent());
    Path real = (Files.exists(parent) ? parent.toRealPath() : parent).resolve(file.getFileName());
    String name = (real.startsWith(directory) ? directory.relativize(real) : real).toString();
    byte[] bytes = name.getBytes(StandardCharsets.UTF_8);
    boolean isPlain = name.chars().noneMatch(c -> c < ' ' || c == '"' || c == '\ufffd');
    if (!isPlain || bytes.length > MAX_NAME_BYTES) {
      throw new IllegalArgumentException(
          "%s: can't be named in a VMDK descriptor: expected at most %d bytes of UTF-8 without quotes and line ends"
              .formatted(SourceEntry.printable(bytes), MAX_NAME_BYTES));
    }
    return name;
  }

  /** The file of the descriptor. */
  NewFile file() {
    return file;
  }

  /** Writes the descriptor of a whole image. */
  void write(ByteSource written, ImagePlan plan) throws IOException {
    int moreBits = plan.frame().block().bits() - SECTOR_BITS;
    StringBuilder extents = new StringBuilder();
    long sectors = plan.blocks() << moreBits;
    append(extents, image, sectors);
    for (int i = 0; i < devices.size(); i++) {
      long more = plan.devices().get(i).blocks() << moreBits;
      append(extents, devices.get(i), more);
      sectors += more;
    }
    long perCylinder = HEADS * SECTORS_OF_TRACK;
    String text =
        """
        # Disk DescriptorFile
        version=1
        CID=%x
        parentCID=ffffffff
        createType="twoGbMaxExtentFlat"

        # Extent description
        %s
        # The Disk Data Base
        #DDB

        ddb.virtualHWVersion = "4"
        ddb.geometry.cylinders = "%d"
        ddb.geometry.heads = "%d"
        ddb.geometry.sectors = "%d"
        ddb.adapterType = "ide"
        """
            .formatted(
                contentId(written),
                extents,
                (sectors + perCylinder - 1) / perCylinder,
                HEADS,
                SECTORS_OF_TRACK);
    file.file().write(0, MemorySegment.ofArray(text.getBytes(StandardCharsets.UTF_8)));
    file.file().beginSync();
  }

  private static void append(StringBuilder extents, String name, long sectors) {
    for (long at = 0; at < sectors; at += MAX_SECTORS) {
      extents.append(
          "RW %d FLAT \"%s\" %d\n".formatted(Math.min(MAX_SECTORS, sectors - at), name, at));
    }
  }

  /** The four words of the UUID in one. */
  private static int contentId(ByteSource image) throws IOException {
    MemorySegment uuid = MemorySegment.ofArray(image.readBytes(UUID_AT, UUID_BYTES));
    long id = 0;
    for (int i = 0; i < UUID_BYTES; i += Integer.BYTES) {
      id ^= LittleEndian.u32(uuid, i);
    }
    return (int) id;
  }

  /** Checks that files which are there have room for what the image says of its devices. */
  static void checkDevices(BuildOptions options, List<Device> devices, BlockSize block)
      throws IOException {
    Wanted wanted = options.flatDisk();
    if (wanted == null) {
      return;
    }
    if (wanted.devices.size() != devices.size()) {
      throw new IllegalArgumentException(
          "%s: the image has %d devices: expected as many files, got %d"
              .formatted(wanted.descriptor, devices.size(), wanted.devices.size()));
    }
    PlainCopy copy = options.plainCopy();
    for (int i = 0; i < devices.size(); i++) {
      Path file = wanted.devices.get(i);
      // One that has no name yet is not there.
      boolean isNew = copy != null && copy.path().equals(file);
      if (!isNew && !Files.isRegularFile(file)) {
        throw new IOException(file + ": is no regular file: expected a device of the image");
      }
      long expected = devices.get(i).blocks() << block.bits();
      if (!isNew && Files.size(file) < expected) {
        throw new IOException(
            "%s: has %d bytes: expected at least %d, as the image says of its device %d"
                .formatted(file, Files.size(file), expected, i + 1));
      }
    }
  }

  @Override
  public void close() throws IOException {
    file.close();
  }
}
