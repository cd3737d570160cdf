package dev.aquifer.nio;

import dev.aquifer.io.ByteSource;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.MappedByteBuffer;
import java.nio.channels.AsynchronousCloseException;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.NonWritableChannelException;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.WritableByteChannel;
import java.util.Objects;
import java.util.concurrent.locks.ReentrantLock;

/**
 * A regular file of an image, open for reading. Positional reads go on side by side; those at the
 * channel's own position follow each other. What is read is whole: a read is short only at the end
 * of the file.
 *
 * <p>Mapping is not supported: of a remote image nothing may be there yet.
 */
final class ErofsFileChannel extends FileChannel {
  /** The JDK keeps a buffer of this size for each thread that reads into memory of the heap. */
  private static final int STEP_BYTES = 1 << 20;

  private static final int TRANSFER_BYTES = 1 << 18;

  private final ByteSource data;
  private final Runnable onClose;
  private final ReentrantLock lock = new ReentrantLock();
  private long position; // guarded by lock

  /**
   * Takes over {@code data}.
   *
   * @param onClose runs once when the channel is closed
   */
  ErofsFileChannel(ByteSource data, Runnable onClose) {
    this.data = data;
    this.onClose = onClose;
  }

  private void checkOpen() throws ClosedChannelException {
    if (!isOpen()) {
      throw new ClosedChannelException();
    }
  }

  @Override
  public int read(ByteBuffer dst) throws IOException {
    lock.lock();
    try {
      int count = read(dst, position);
      position += Math.max(count, 0);
      return count;
    } finally {
      lock.unlock();
    }
  }

  @Override
  public long read(ByteBuffer[] dsts, int offset, int length) throws IOException {
    Objects.checkFromIndexSize(offset, length, dsts.length);
    lock.lock();
    try {
      checkOpen();
      long total = 0;
      for (int i = offset; i < offset + length; i++) {
        int count = dsts[i].hasRemaining() ? read(dsts[i]) : 0;
        if (count < 0) {
          return total == 0 ? -1 : total;
        }
        total += count;
      }
      return total;
    } finally {
      lock.unlock();
    }
  }

  @Override
  public int read(ByteBuffer dst, long from) throws IOException {
    checkOpen();
    if (from < 0) {
      throw new IllegalArgumentException("position %d: expected 0 or more".formatted(from));
    }
    if (dst.isReadOnly()) {
      throw new IllegalArgumentException("the buffer is read-only");
    }
    if (from >= data.sizeBytes()) {
      return -1;
    }
    int count = (int) Math.min(dst.remaining(), data.sizeBytes() - from);
    try {
      readFully(dst, from, count);
    } catch (IOException e) {
      // Then what failed matters to nobody.
      checkNotClosedMeanwhile();
      throw e;
    }
    checkNotClosedMeanwhile();
    return count;
  }

  private void readFully(ByteBuffer dst, long from, int count) throws IOException {
    for (int done = 0; done < count; ) {
      int step = dst.isDirect() ? count : Math.min(STEP_BYTES, count - done);
      data.read(from + done, MemorySegment.ofBuffer(dst).asSlice(0, step));
      dst.position(dst.position() + step);
      done += step;
    }
  }

  private void checkNotClosedMeanwhile() throws AsynchronousCloseException {
    if (!isOpen()) {
      throw new AsynchronousCloseException();
    }
  }

  @Override
  public long position() throws IOException {
    checkOpen();
    lock.lock();
    try {
      return position;
    } finally {
      lock.unlock();
    }
  }

  @Override
  public FileChannel position(long newPosition) throws IOException {
    checkOpen();
    if (newPosition < 0) {
      throw new IllegalArgumentException("position %d: expected 0 or more".formatted(newPosition));
    }
    lock.lock();
    try {
      position = newPosition;
      return this;
    } finally {
      lock.unlock();
    }
  }

  @Override
  public long size() throws IOException {
    checkOpen();
    return data.sizeBytes();
  }

  @Override
  public long transferTo(long from, long count, WritableByteChannel target) throws IOException {
    checkOpen();
    if (from < 0 || count < 0) {
      throw new IllegalArgumentException(
          "position %d, count %d: expected 0 or more".formatted(from, count));
    }
    long wanted = Math.max(0, Math.min(count, data.sizeBytes() - from));
    ByteBuffer buffer = ByteBuffer.allocateDirect((int) Math.min(TRANSFER_BYTES, wanted));
    long done = 0;
    while (done < wanted) {
      buffer.clear().limit((int) Math.min(buffer.capacity(), wanted - done));
      read(buffer, from + done);
      buffer.flip();
      while (buffer.hasRemaining()) {
        int written = target.write(buffer);
        done += written;
        if (written == 0) {
          return done;
        }
      }
    }
    return done;
  }

  @Override
  public long transferFrom(ReadableByteChannel source, long at, long count) throws IOException {
    throw notWritable();
  }

  @Override
  public int write(ByteBuffer src) throws IOException {
    throw notWritable();
  }

  @Override
  public long write(ByteBuffer[] srcs, int offset, int length) throws IOException {
    throw notWritable();
  }

  @Override
  public int write(ByteBuffer src, long at) throws IOException {
    throw notWritable();
  }

  @Override
  public FileChannel truncate(long size) throws IOException {
    throw notWritable();
  }

  private NonWritableChannelException notWritable() throws ClosedChannelException {
    checkOpen();
    return new NonWritableChannelException();
  }

  /** Nothing to do: nothing is written. */
  @Override
  public void force(boolean metaData) throws IOException {
    checkOpen();
  }

  @Override
  public MappedByteBuffer map(MapMode mode, long from, long size) {
    throw new UnsupportedOperationException("files of an image are read and not mapped");
  }

  @Override
  public FileLock lock(long from, long size, boolean shared) {
    throw new UnsupportedOperationException("an image does not change: nothing to lock");
  }

  @Override
  public FileLock tryLock(long from, long size, boolean shared) {
    throw new UnsupportedOperationException("an image does not change: nothing to lock");
  }

  @Override
  protected void implCloseChannel() throws IOException {
    onClose.run();
    data.close();
  }
}
