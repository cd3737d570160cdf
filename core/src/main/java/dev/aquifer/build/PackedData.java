package dev.aquifer.build;

import dev.aquifer.io.ByteSource;
import java.io.Closeable;
import java.io.IOException;
import java.lang.foreign.MemorySegment;

/**
 * The data of the packed inode: ends of files, and whole files, one after the other, equal ones
 * once; and directories. Or that of the metabox: inodes. A temporary file until it is encoded.
 * Appended to by one thread, then read by many.
 */
final class PackedData implements Batch.Source, Closeable {
  private static final int REGULAR = 0100644;

  private final OutputFile file;
  private final Node.Packed node;
  private final DigestIndex known = new DigestIndex();

  private PackedData(OutputFile file, Node like) {
    this.file = file;
    FileStat stat = like.stat();
    this.node =
        new Node.Packed(
            SourceEntry.root(
                new FileStat(
                    REGULAR,
                    stat.uid(),
                    stat.gid(),
                    0,
                    stat.mtimeSeconds(),
                    stat.mtimeNanos(),
                    0,
                    0,
                    0,
                    1,
                    0)));
  }

  /**
   * Takes a new file, which goes when this is closed.
   *
   * @param like the inode gets the owner and times of this one
   * @param first what the data begins with
   */
  static PackedData create(OutputFile file, Node like, byte[] first) throws IOException {
    PackedData data = new PackedData(file, like);
    long unused = data.append(MemorySegment.ofArray(first));
    return data;
  }

  long sizeBytes() {
    return node.sizeBytes;
  }

  /** Returns where {@code bytes} are, whose digest is at {@code index} of {@code digests}. */
  long add(MemorySegment bytes, long[] digests, int index) throws IOException {
    long found = known.find(digests, index);
    if (found != DigestIndex.ABSENT) {
      return found;
    }
    long at = append(bytes);
    known.put(digests, index, at);
    return at;
  }

  /** Returns where {@code bytes} are. */
  long append(MemorySegment bytes) throws IOException {
    long at = node.sizeBytes;
    file.write(at, bytes);
    node.sizeBytes += bytes.byteSize();
    return at;
  }

  /** The inode; its data is placed by who encodes it. */
  Node.Packed node() {
    return node;
  }

  /** Opens the data, whatever entry is asked for. */
  @Override
  public SourceFile open(SourceEntry entry) throws IOException {
    return new PackedFile(file.open());
  }

  private record PackedFile(ByteSource data) implements SourceFile {
    @Override
    public String name() {
      return data.name();
    }

    @Override
    public long sizeBytes() {
      return data.sizeBytes();
    }

    @Override
    public void read(long positionBytes, MemorySegment dst) throws IOException {
      data.read(positionBytes, dst);
    }

    @Override
    public long nextData(long positionBytes) {
      return positionBytes;
    }

    @Override
    public long nextHole(long positionBytes) {
      return sizeBytes();
    }

    @Override
    public void checkUnchanged() {}

    @Override
    public void close() throws IOException {
      data.close();
    }
  }

  @Override
  public void close() throws IOException {
    file.delete();
  }
}
