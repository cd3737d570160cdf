package dev.aquifer.build;

import dev.aquifer.io.Sha256;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.security.MessageDigest;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.Future;

/**
 * Gives every regular file that is not empty an attribute with the SHA-256 of its data, by which
 * Linux 7.0 lets equal files of several images have their pages in memory once. All data is read
 * for it before it is read again to be placed: a file that changes in between is found out, as
 * always.
 */
final class InodeDigests {
  private static final int BUFFER_BYTES = 256 << 10;

  /** So many files for each thread are on their way. */
  private static final int AHEAD = 4;

  private record Flight(Node node, Future<Sha256> digest) {}

  private final SourceTree source;
  private final XattrTable xattrs;
  private final Deque<Flight> inFlight = new ArrayDeque<>();

  /** Nobody waits for digests any more: a large file's would take minutes. */
  private volatile boolean isEnded;

  private InodeDigests(SourceTree source, XattrTable xattrs) {
    this.source = source;
    this.xattrs = xattrs;
  }

  /** Adds the attributes to {@code tree}, if it is to have any; before they are shared. */
  static void add(SourceTree source, Tree tree, int threads) throws IOException {
    if (tree.xattrs().prefixes().hasDigests()) {
      new InodeDigests(source, tree.xattrs()).add(tree, threads);
    }
  }

  private void add(Tree tree, int threads) throws IOException {
    WorkerPool pool = WorkerPool.start(threads);
    try {
      for (Node node : tree.data()) {
        Waiting.checkInterrupt();
        if (node.stat().isRegular() && node.sizeBytes() > 0) {
          inFlight.add(new Flight(node, pool.executor().submit(() -> digest(node))));
          if (inFlight.size() > AHEAD * threads) {
            takeOldest();
          }
        }
      }
      while (!inFlight.isEmpty()) {
        takeOldest();
      }
    } finally {
      isEnded = true;
      pool.end();
    }
  }

  private void takeOldest() throws IOException {
    Flight flight = inFlight.remove();
    Node node = flight.node;
    node.xattrs = xattrs.withDigest(node.xattrs, Waiting.on(flight.digest), source, node.entry);
  }

  private Sha256 digest(Node node) throws IOException {
    long size = node.sizeBytes();
    MessageDigest digest = Sha256.newDigest();
    try (SourceFile file = source.open(node.entry);
        Arena arena = Arena.ofConfined()) {
      MemorySegment buffer = arena.allocate(Math.min(size, BUFFER_BYTES), 64);
      for (long at = 0; at < size && !isEnded; at += buffer.byteSize()) {
        MemorySegment part = buffer.asSlice(0, Math.min(buffer.byteSize(), size - at));
        file.read(at, part);
        Sha256.update(digest, part);
      }
      file.checkUnchanged();
    }
    return Sha256.finish(digest);
  }
}
