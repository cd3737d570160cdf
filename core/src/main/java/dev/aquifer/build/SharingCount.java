package dev.aquifer.build;

import dev.aquifer.io.Sha256;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;

/**
 * Counts what trees share, one tree after the other, without building anything. Chunks are equal if
 * their length and half of a SHA-256 are; about 30 bytes are kept for each distinct one of 4 KiB.
 *
 * <p>A pool of threads reads and hashes; the result does not depend on it, nor on the order in
 * which a tree lists its files. Unlike in an image, the smallest files count as all others do.
 *
 * <p>For use by one thread. After an exception nothing more can be done with it.
 */
public final class SharingCount {
  private static final int PIECE = SharingBatch.CHUNK_BYTES.length - 1;
  private static final int PIECE_BYTES = SharingBatch.CHUNK_BYTES[PIECE];
  private static final int MAX_THREADS = 256;

  private final int threads;
  private final BuildProgress progress;
  private final List<SharingReport.Input> inputs = new ArrayList<>();

  /** By size of chunk, whole files last. */
  private final List<CutCount> cuts = new ArrayList<>();

  private final MessageDigest fileDigest = Sha256.newDigest();
  private final ByteBuffer words = ByteBuffer.allocate(3 * Long.BYTES);

  /** The file whose pieces come at present, and how much of it is not zeros. */
  private @Nullable Node open;

  private long openBytes;

  /**
   * Has counted nothing.
   *
   * @param threads how many read and hash: 1 to 256
   * @param progress is told of each tree how much of it is read; its total is not known before
   */
  public SharingCount(int threads, BuildProgress progress) {
    if (threads < 1 || threads > MAX_THREADS) {
      throw new IllegalArgumentException(
          "threads %d: expected 1 to %d".formatted(threads, MAX_THREADS));
    }
    this.threads = threads;
    this.progress = progress;
    for (int size : SharingBatch.CHUNK_BYTES) {
      cuts.add(new CutCount(size));
    }
    cuts.add(new CutCount(SharingReport.WHOLE_FILES));
  }

  /**
   * Reads all regular files of a tree. An interrupt of the calling thread ends it early.
   *
   * @param tree stays open
   * @param name what the report calls it
   * @throws IOException if it can't be read, or changes meanwhile
   */
  public void add(SourceTree tree, String name) throws IOException {
    WorkerPool workers = WorkerPool.start(threads);
    // Shared, since the pool's threads fill these buffers; closed when none of them runs any more.
    Arena arena = Arena.ofShared();
    try {
      BatchLine<SharingBatch> line =
          new BatchLine<>(
              workers.executor(),
              threads,
              arena,
              BlockSize.USUAL,
              buffer -> new SharingBatch(tree::open, buffer),
              this::take);
      SharingReport.Input input = read(tree, name, line);
      line.finish();
      finishFile();
      inputs.add(input);
      cuts.forEach(cut -> cut.finishInput(input.bytes()));
    } finally {
      workers.end();
      arena.close();
    }
  }

  /** What was found in all trees so far. */
  public SharingReport report() {
    return new SharingReport(inputs, cuts.stream().map(CutCount::result).toList());
  }

  private SharingReport.Input read(SourceTree tree, String name, BatchLine<SharingBatch> line)
      throws IOException {
    SourceEntry root = tree.root();
    if (!root.stat().isDirectory()) {
      throw new IOException(tree.name() + ": is no directory: expected the root of a tree");
    }
    Deque<SourceEntry> rest = new ArrayDeque<>();
    Set<FileKey> linked = new HashSet<>();
    long files = 0;
    long bytes = 0;
    DoneBytes done = new DoneBytes(progress, 0);
    rest.push(root);
    while (!rest.isEmpty()) {
      for (SourceEntry entry : tree.children(rest.pop())) {
        Waiting.checkInterrupt();
        FileStat stat = entry.stat();
        if (stat.isDirectory()) {
          rest.push(entry);
        } else if (stat.isRegular() && (stat.nlink() <= 1 || linked.add(FileKey.of(stat)))) {
          files++;
          bytes += stat.sizeBytes();
          add(tree, new Node(entry), line, done);
          done.end(stat.sizeBytes());
        }
      }
    }
    return new SharingReport.Input(name, files, bytes);
  }

  /** Adds all pieces of a file that are not holes as a whole. */
  private static void add(
      SourceTree tree, Node file, BatchLine<SharingBatch> line, DoneBytes progress)
      throws IOException {
    long size = file.sizeBytes();
    if (size <= PIECE_BYTES) {
      if (size > 0) {
        line.add(file, 0, (int) size, 0);
      }
      return;
    }
    try (SourceFile data = tree.open(file.entry)) {
      long done = 0;
      while (done < size) {
        long from = data.nextData(done);
        if (from >= size) {
          break;
        }
        long to = Math.min(size, Math.max(data.nextHole(from), from + 1));
        for (done = Math.max(done, from & -PIECE_BYTES); done < to; done += PIECE_BYTES) {
          line.add(file, done, (int) Math.min(PIECE_BYTES, size - done), 0);
          progress.within(done);
        }
      }
      data.checkUnchanged();
    }
  }

  private @Nullable Callable<@Nullable Void> take(SharingBatch batch) {
    for (int size = 0; size <= PIECE; size++) {
      SharingBatch.Chunks chunks = batch.chunks(size);
      CutCount cut = cuts.get(size);
      for (int i = 0; i < chunks.count(); i++) {
        if (!chunks.isZero(i)) {
          cut.add(chunks.lengthBytes(i), chunks.first(i), chunks.second(i));
        }
      }
    }
    SharingBatch.Chunks pieces = batch.chunks(PIECE);
    for (int piece = 0; piece < batch.count(); piece++) {
      if (!pieces.isZero(piece)) {
        addToFile(batch.node(piece), batch.positionBytes(piece), pieces, piece);
      }
    }
    return null;
  }

  /** A whole file is known by its size, and by its pieces that are not zeros and their places. */
  private void addToFile(Node file, long positionBytes, SharingBatch.Chunks pieces, int piece) {
    if (open != file) {
      finishFile();
      open = file;
    }
    openBytes += pieces.lengthBytes(piece);
    words.clear().putLong(positionBytes);
    words.putLong(pieces.first(piece)).putLong(pieces.second(piece));
    fileDigest.update(words.flip());
  }

  private void finishFile() {
    if (open != null) {
      words.clear().putLong(open.sizeBytes());
      fileDigest.update(words.flip());
      ByteBuffer digest = ByteBuffer.wrap(fileDigest.digest());
      cuts.getLast().add(openBytes, digest.getLong(), digest.getLong());
      open = null;
      openBytes = 0;
    }
  }
}
