package dev.aquifer.tool;

import dev.aquifer.image.ByteNames;
import dev.aquifer.image.FileType;
import dev.aquifer.image.Image;
import dev.aquifer.image.Inode;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Map;
import java.util.SortedMap;
import java.util.function.LongConsumer;

/**
 * Writes a tree as a tar stream of the pax form (POSIX.1-2001): {@code ./} first, then all below
 * it. Times have nanoseconds, extended attributes are {@code SCHILY.xattr} records with their raw
 * bytes, names are bytes as they are. Sockets have no form in tar and are left out; holes become
 * zeros.
 *
 * <p>For use by one thread.
 */
public final class TarSink implements TreeSink {
  private static final int BUFFER_BYTES = 1 << 20;
  private static final int END_BLOCKS = 2;

  /** As GNU tar and others have it: streams are padded to this. */
  private static final int RECORD_BYTES = 10240;

  private final OutputStream out;
  private final LongConsumer progress;
  private final Arena arena = Arena.ofConfined();
  private final MemorySegment buffer = arena.allocate(BUFFER_BYTES, 64);
  private final byte[] heap = new byte[BUFFER_BYTES];
  private long writtenBytes;
  private long socketsLeftOut;

  /**
   * Makes a sink that writes to {@code out}, which stays open.
   *
   * @param progress is told counts of bytes of file data as they are written
   */
  public TarSink(OutputStream out, LongConsumer progress) {
    this.out = out;
    this.progress = progress;
  }

  /** How many sockets were left out. */
  public long socketsLeftOut() {
    return socketsLeftOut;
  }

  @Override
  public void enterDirectory(WalkEntry directory, SortedMap<String, byte[]> xattrs)
      throws IOException {
    header(directory, '5', new byte[0], 0, xattrs);
  }

  @Override
  public void leaveDirectory(WalkEntry directory) {}

  @Override
  public void regularFile(WalkEntry file, SortedMap<String, byte[]> xattrs, Image image)
      throws IOException {
    long size = file.inode().sizeBytes();
    header(file, '0', new byte[0], size, xattrs);
    long[] at = {0};
    FileCopy.copy(
        image,
        file.inode(),
        buffer,
        (position, data) -> {
          zeros(position - at[0]);
          int length = (int) data.byteSize();
          MemorySegment.copy(data, ValueLayout.JAVA_BYTE, 0, heap, 0, length);
          write(heap, length);
          at[0] = position + length;
          progress.accept(length);
        });
    zeros(size - at[0]);
    zeros(-size & TarHeader.BLOCK_BYTES - 1);
  }

  @Override
  public void symbolicLink(WalkEntry link, SortedMap<String, byte[]> xattrs, byte[] target)
      throws IOException {
    header(link, '2', target, 0, xattrs);
  }

  @Override
  public void special(WalkEntry special, SortedMap<String, byte[]> xattrs) throws IOException {
    FileType type = special.inode().type();
    if (type == FileType.SOCKET) {
      socketsLeftOut++;
      return;
    }
    char flag = type == FileType.FIFO ? '6' : type == FileType.BLOCK_DEVICE ? '4' : '3';
    header(special, flag, new byte[0], 0, xattrs);
  }

  @Override
  public void hardLink(WalkEntry link, byte[] first) throws IOException {
    if (link.inode().type() == FileType.SOCKET) {
      socketsLeftOut++;
      return;
    }
    header(link, '1', name(first, false), 0, new java.util.TreeMap<>());
  }

  @Override
  public void finish() throws IOException {
    zeros((long) END_BLOCKS * TarHeader.BLOCK_BYTES);
    zeros(Math.floorMod(-writtenBytes, (long) RECORD_BYTES));
    out.flush();
  }

  @Override
  public void close() {
    arena.close();
  }

  private void header(
      WalkEntry entry, char flag, byte[] target, long sizeBytes, SortedMap<String, byte[]> xattrs)
      throws IOException {
    Inode inode = entry.inode();
    byte[] name = name(entry.path(), inode.type() == FileType.DIRECTORY);
    TarHeader header = new TarHeader(name, flag, target, sizeBytes, inode);
    for (Map.Entry<String, byte[]> xattr : xattrs.entrySet()) {
      header.xattr(ByteNames.toBytes(xattr.getKey()), xattr.getValue());
    }
    byte[] blocks = header.blocks();
    write(blocks, blocks.length);
  }

  /** {@code ./a/b}; with a slash at the end for a directory. */
  private static byte[] name(byte[] path, boolean isDirectory) {
    boolean isRoot = path.length == 1;
    byte[] name = new byte[path.length + 1 + (isDirectory && !isRoot ? 1 : 0)];
    name[0] = '.';
    System.arraycopy(path, 0, name, 1, path.length);
    if (isDirectory) {
      name[name.length - 1] = '/';
    }
    return name;
  }

  private void zeros(long count) throws IOException {
    if (count > 0) {
      java.util.Arrays.fill(heap, 0, (int) Math.min(heap.length, count), (byte) 0);
      for (long left = count; left > 0; left -= heap.length) {
        write(heap, (int) Math.min(heap.length, left));
      }
    }
  }

  private void write(byte[] bytes, int length) throws IOException {
    out.write(bytes, 0, length);
    writtenBytes += length;
  }
}
