package dev.aquifer.input;

import dev.aquifer.build.SourceFile;
import java.io.IOException;
import java.lang.foreign.MemorySegment;

/** The data of a regular file of an {@link ItemTree}. */
record ItemFile(String name, Item item, ItemTree tree) implements SourceFile {
  @Override
  public long sizeBytes() {
    return item.sizeBytes;
  }

  @Override
  public long archiveOffsetBytes() {
    return item.sparse == null && item.data != null && item.data == tree.archive()
        ? item.dataOffset
        : -1;
  }

  @Override
  public void read(long positionBytes, MemorySegment dst) throws IOException {
    checkRange(positionBytes, dst.byteSize());
    SparseMap sparse = item.sparse;
    if (dst.byteSize() == 0) {
      return;
    }
    if (sparse == null) {
      item.data().read(item.dataOffset + positionBytes, dst);
      return;
    }
    long end = positionBytes + dst.byteSize();
    dst.fill((byte) 0);
    for (int i = sparse.pieceAfter(positionBytes); i < sparse.count(); i++) {
      long from = Math.max(positionBytes, sparse.start(i));
      long to = Math.min(end, sparse.end(i));
      if (from >= to) {
        return;
      }
      item.data()
          .read(
              item.dataOffset + sparse.offset(i) + from - sparse.start(i),
              dst.asSlice(from - positionBytes, to - from));
    }
  }

  @Override
  public long nextData(long positionBytes) {
    SparseMap sparse = item.sparse;
    if (sparse == null) {
      return positionBytes;
    }
    int piece = sparse.pieceAfter(positionBytes);
    return piece == sparse.count() ? sizeBytes() : Math.max(positionBytes, sparse.start(piece));
  }

  @Override
  public long nextHole(long positionBytes) {
    SparseMap sparse = item.sparse;
    if (sparse == null) {
      return sizeBytes();
    }
    long at = positionBytes;
    for (int i = sparse.pieceAfter(at); i < sparse.count() && sparse.start(i) <= at; i++) {
      at = sparse.end(i);
    }
    return at;
  }

  @Override
  public void checkUnchanged() throws IOException {
    MarkedFile.check(item.data);
  }

  @Override
  public void close() {}
}
