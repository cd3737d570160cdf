package dev.aquifer.mount;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/** A lazy file that is filled from another file, page by page, and does what a test tells it to. */
final class FakeBlob implements LazyFile, AutoCloseable {
  private static final int PAGE = 4096;

  /** Filling {@code [offset, offset + length)}: what a test does instead or before. */
  interface Fill {
    void fill(long offsetBytes, long lengthBytes) throws IOException;
  }

  final List<String> asked = new CopyOnWriteArrayList<>();
  final List<Prefetch> prefetches = new CopyOnWriteArrayList<>();
  volatile Fill before = (offset, length) -> {};

  private final Path path;
  private final FileChannel source;
  private final FileChannel data;
  private final long size;
  private final BitSet present = new BitSet(); // guarded by this
  private final List<Runnable> onComplete = new ArrayList<>(); // guarded by this
  private volatile boolean complete;

  FakeBlob(Path full, Path path) throws IOException {
    this.path = path;
    this.source = FileChannel.open(full);
    this.size = source.size();
    // Opened before anybody marks the file, so that filling it asks nobody.
    this.data =
        FileChannel.open(
            path, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
    data.truncate(0);
    if (size > 0) {
      data.write(ByteBuffer.allocate(1), size - 1);
    }
  }

  @Override
  public String name() {
    return "fake " + path.getFileName();
  }

  @Override
  public Path path() {
    return path;
  }

  @Override
  public long sizeBytes() {
    return size;
  }

  @Override
  public synchronized boolean isPresent(long offsetBytes, long lengthBytes) {
    int end = (int) ((offsetBytes + lengthBytes + PAGE - 1) / PAGE);
    return present.nextClearBit((int) (offsetBytes / PAGE)) >= end;
  }

  @Override
  public void ensure(long offsetBytes, long lengthBytes) throws IOException {
    asked.add(offsetBytes + "+" + lengthBytes);
    before.fill(offsetBytes, lengthBytes);
    long start = offsetBytes / PAGE * PAGE;
    long end = Math.min(size, (offsetBytes + lengthBytes + PAGE - 1) / PAGE * PAGE);
    ByteBuffer buffer = ByteBuffer.allocate((int) (end - start));
    while (buffer.hasRemaining() && source.read(buffer, start + buffer.position()) > 0) {}
    buffer.flip();
    while (buffer.hasRemaining()) {
      data.write(buffer, start + buffer.position());
    }
    synchronized (this) {
      present.set((int) (start / PAGE), (int) ((end + PAGE - 1) / PAGE));
    }
  }

  /** Fills what is missing and says so. */
  void completeAll() throws IOException {
    for (long at = 0; at < size; at += 1 << 20) {
      ensure(at, Math.min(1 << 20, size - at));
    }
    List<Runnable> actions;
    synchronized (this) {
      complete = true;
      actions = List.copyOf(onComplete);
    }
    actions.forEach(Runnable::run);
  }

  @Override
  public boolean isComplete() {
    return complete;
  }

  @Override
  public Runnable whenComplete(Runnable action) {
    synchronized (this) {
      if (!complete) {
        onComplete.add(action);
        return () -> {};
      }
    }
    action.run();
    return () -> {};
  }

  @Override
  public void prefetch(Prefetch prefetch) {
    prefetches.add(prefetch);
  }

  @Override
  public void close() throws IOException {
    source.close();
    data.close();
    Files.delete(path);
  }
}
