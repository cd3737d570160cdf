import dev.aquifer.codec.Compression;
import dev.aquifer.codec.Compressor;
import dev.aquifer.codec.Fitted;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Cuts every regular file below a directory into physical clusters the way mkfs.erofs does, with some
 * threads, and throws them away. Prints the blocks that they take, the seconds until it was done and
 * the seconds of processor time; the start of Java is not in them, its warming up is.
 */
public final class Compress {
  private static final int BLOCK = 4096;
  private static final long SEGMENT = 16 << 20;

  private Compress() {}

  private record Spent(long blocks, long cpuNanos) {}

  public static void main(String[] arguments) throws Exception {
    Compression compression = Compression.parse(arguments[1]);
    int cluster = Integer.parseInt(arguments[2]);
    int threads = Integer.parseInt(arguments[3]);
    List<Path> files;
    try (var walk = Files.walk(Path.of(arguments[0]))) {
      files =
          walk.filter(p -> Files.isRegularFile(p, LinkOption.NOFOLLOW_LINKS)).sorted().toList();
    }
    AtomicInteger next = new AtomicInteger();
    long start = System.nanoTime();
    long blocks = 0;
    long cpuNanos = 0;
    try (ExecutorService executor = Executors.newFixedThreadPool(threads)) {
      List<Future<Spent>> workers = new ArrayList<>();
      for (int i = 0; i < threads; i++) {
        workers.add(executor.submit(() -> compress(compression, cluster, files, next)));
      }
      for (Future<Spent> worker : workers) {
        blocks += worker.get().blocks;
        cpuNanos += worker.get().cpuNanos;
      }
    }
    System.out.printf(
        "%d %.3f %.3f%n", blocks, (System.nanoTime() - start) / 1e9, cpuNanos / 1e9);
  }

  private static Spent compress(
      Compression compression, int cluster, List<Path> files, AtomicInteger next)
      throws IOException {
    long before = ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
    long blocks = 0;
    try (Compressor compressor = compression.open(cluster);
        Arena arena = Arena.ofConfined()) {
      MemorySegment dst = arena.allocate(cluster);
      for (int i = next.getAndIncrement(); i < files.size(); i = next.getAndIncrement()) {
        blocks += file(compressor, files.get(i), dst);
      }
    }
    long after = ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
    return new Spent(blocks, after - before);
  }

  private static long file(Compressor compressor, Path path, MemorySegment dst)
      throws IOException {
    long blocks = 0;
    try (FileChannel file = FileChannel.open(path);
        Arena arena = Arena.ofConfined()) {
      MemorySegment bytes = file.map(FileChannel.MapMode.READ_ONLY, 0, file.size(), arena);
      for (long at = 0; at < bytes.byteSize(); at += SEGMENT) {
        MemorySegment segment = bytes.asSlice(at, Math.min(SEGMENT, bytes.byteSize() - at));
        compressor.start(segment);
        blocks += segment(compressor, (int) segment.byteSize(), dst);
      }
    }
    return blocks;
  }

  private static long segment(Compressor compressor, int length, MemorySegment dst) {
    long blocks = 0;
    for (int at = 0; at < length; ) {
      int left = length - at;
      Fitted fitted = left <= BLOCK ? Fitted.NOTHING : compressor.compress(at, length, dst);
      int needed = (fitted.streamBytes() + BLOCK - 1) / BLOCK;
      if (fitted.consumedBytes() > needed * BLOCK) {
        blocks += needed;
        at += fitted.consumedBytes();
      } else {
        // It stays as it is, in whole blocks.
        int plain = (int) Math.min(left, dst.byteSize());
        blocks += (plain + BLOCK - 1) / BLOCK;
        at += plain;
      }
    }
    return blocks;
  }
}
