package dev.aquifer.tool;

import dev.aquifer.image.Extent;
import dev.aquifer.image.FileType;
import dev.aquifer.image.Image;
import dev.aquifer.image.Inode;
import dev.aquifer.io.ByteSource;
import java.io.Closeable;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongConsumer;

/**
 * Reads all data of files in several threads. How each reading ended is told in the order in which
 * the files came, by the thread that brings them.
 */
final class DataReaders implements Closeable {
  private static final long STEP_BYTES = 1 << 20;
  private static final int MAX_THREADS = 8;

  /** Files that wait to be read, or for those before them. */
  private static final int MAX_WAITING = 64;

  private final Image image;
  private final LongConsumer progress;
  private final Listener listener;
  private final ExecutorService threads =
      Executors.newFixedThreadPool(
          Math.min(MAX_THREADS, Runtime.getRuntime().availableProcessors()),
          Thread.ofPlatform().daemon().name("aquifer-check-", 1).factory());
  private final Deque<Reading> waiting = new ArrayDeque<>();
  private final AtomicLong dataBytes = new AtomicLong();

  /** The end of a reading: {@link #get} throws what it threw. */
  interface Outcome {
    void get() throws IOException;
  }

  /** Is told of each reading. */
  interface Listener {
    void ended(WalkEntry entry, Outcome read) throws IOException;
  }

  private record Reading(WalkEntry entry, Future<?> future) {}

  /** Starts no thread yet; {@code progress} is told counts of bytes by any of them. */
  DataReaders(Image image, LongConsumer progress, Listener listener) {
    this.image = image;
    this.progress = progress;
    this.listener = listener;
  }

  /** Has the data of {@code file}, a regular one, read. */
  void submit(WalkEntry file) throws IOException {
    if (file.inode().type() != FileType.REGULAR) {
      throw new IllegalArgumentException(file.shown() + ": is no regular file");
    }
    if (waiting.size() == MAX_WAITING) {
      settle(waiting.removeFirst());
    }
    waiting.addLast(
        new Reading(
            file,
            threads.submit(
                () -> {
                  read(file.inode());
                  return null;
                })));
  }

  /** Waits until all is read. */
  void finish() throws IOException {
    while (!waiting.isEmpty()) {
      settle(waiting.removeFirst());
    }
  }

  private void settle(Reading reading) throws IOException {
    listener.ended(
        reading.entry,
        () -> {
          try {
            reading.future.get();
          } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("interrupted while data was read");
          } catch (ExecutionException e) {
            if (e.getCause() instanceof IOException failure) {
              throw failure;
            }
            throw new IllegalStateException(reading.entry.shown(), e.getCause());
          }
        });
  }

  /** How many bytes were read. */
  long dataBytes() {
    return dataBytes.get();
  }

  private void read(Inode inode) throws IOException {
    DataDigest digest = DataDigest.of(image, inode);
    try (Arena arena = Arena.ofConfined();
        ByteSource data = image.open(inode)) {
      MemorySegment buffer =
          arena.allocate(Math.max(1, Math.min(STEP_BYTES, data.sizeBytes())), 64);
      for (long at = 0; at < data.sizeBytes(); ) {
        // Holes may be larger than anybody can wait for.
        while (at < data.sizeBytes() && image.map(inode, at) instanceof Extent.Hole hole) {
          at += hole.lengthBytes();
          digest.addZeros(hole.lengthBytes());
        }
        if (at == data.sizeBytes()) {
          break;
        }
        MemorySegment step = buffer.asSlice(0, Math.min(STEP_BYTES, data.sizeBytes() - at));
        data.read(at, step);
        digest.add(step);
        // Not by what a whole step has, which may lead beyond 2^63.
        at += step.byteSize();
        dataBytes.addAndGet(step.byteSize());
        progress.accept(step.byteSize());
      }
    }
    digest.check();
  }

  /** Ends the threads; who reads is not waited for. */
  @Override
  public void close() {
    threads.shutdownNow();
  }
}
