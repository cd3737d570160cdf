import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;

/**
 * A reader of a mounted tree that compares all it gets with the tree that the image was made of.
 *
 * <pre>java ChaosReader.java KIND MOUNTED ORIGINAL STOP</pre>
 *
 * Until the file STOP is there; then prints how often it read, wrong bytes, errors, and its longest
 * wait in milliseconds. KIND: sequential, random, mmap, exec, walk.
 */
public final class ChaosReader {
  private static final int PIECE = 1 << 16;
  private static final long WINDOW = 32L << 20;

  private final Path mounted;
  private final Path original;
  private final Path stop;
  private final Random random = new Random();
  private long position;
  private long reads;
  private long wrongBytes;
  private long errors;
  private long longestNanos;

  private ChaosReader(Path mounted, Path original, Path stop) {
    this.mounted = mounted;
    this.original = original;
    this.stop = stop;
  }

  private boolean isEnough() {
    return Files.exists(stop);
  }

  private interface Read {
    /** Returns how many bytes were wrong. */
    long once() throws Exception;
  }

  public static void main(String[] arguments) throws Exception {
    ChaosReader reader = new ChaosReader(Path.of(arguments[1]), Path.of(arguments[2]), Path.of(arguments[3]));
    Read read =
        switch (arguments[0]) {
          case "sequential" -> () -> reader.piece(reader.position += PIECE);
          case "random" -> () -> reader.piece(reader.random.nextLong(reader.size()));
          case "mmap" -> reader::mapped;
          case "exec" -> reader::program;
          case "walk" -> reader::walk;
          default -> throw new IllegalArgumentException(arguments[0]);
        };
    while (!reader.isEnough()) {
      if (arguments[0].equals("mmap")) {
        // It measures its pieces itself.
        reader.wrongBytes += read.once();
      } else {
        reader.measure(read);
      }
    }
    System.out.printf(
        "%d %d %d %d%n",
        reader.reads, reader.wrongBytes, reader.errors, reader.longestNanos / 1_000_000);
  }

  private void measure(Read read) {
    long start = System.nanoTime();
    try {
      wrongBytes += read.once();
    } catch (Exception | InternalError e) {
      // An InternalError is what the JVM makes of SIGBUS.
      errors++;
      System.err.println(e);
    }
    reads++;
    longestNanos = Math.max(longestNanos, System.nanoTime() - start);
  }

  private long size() throws IOException {
    return Files.size(original.resolve("noise"));
  }

  private long piece(long anywhere) throws IOException {
    long at = anywhere % size();
    return different(bytes(mounted, at), bytes(original, at));
  }

  private static byte[] bytes(Path tree, long at) throws IOException {
    try (FileChannel file = FileChannel.open(tree.resolve("noise"))) {
      ByteBuffer buffer = ByteBuffer.allocate((int) Math.min(PIECE, file.size() - at));
      while (buffer.hasRemaining() && file.read(buffer, at + buffer.position()) > 0) {}
      return Arrays.copyOf(buffer.array(), buffer.position());
    }
  }

  private static long different(byte[] a, byte[] b) {
    long count = Math.abs(a.length - b.length);
    for (int i = 0; i < Math.min(a.length, b.length); i++) {
      count += a[i] == b[i] ? 0 : 1;
    }
    return count;
  }

  /** Maps a part of the file; each piece of it is a read of its own. */
  private long mapped() throws IOException {
    long at = random.nextLong(Math.max(1, size() - WINDOW)) & -4096;
    long length = Math.min(WINDOW, size() - at);
    try (Arena arena = Arena.ofConfined();
        FileChannel a = FileChannel.open(mounted.resolve("noise"));
        FileChannel b = FileChannel.open(original.resolve("noise"))) {
      MemorySegment one = a.map(FileChannel.MapMode.READ_ONLY, at, length, arena);
      MemorySegment two = b.map(FileChannel.MapMode.READ_ONLY, at, length, arena);
      for (long from = 0; from < length && !isEnough(); from += PIECE) {
        long start = from;
        long end = Math.min(length, from + PIECE);
        measure(() -> MemorySegment.mismatch(one, start, end, two, start, end) < 0 ? 0 : 1);
      }
    }
    return 0;
  }

  /** Runs a program of the mount. */
  private long program() throws Exception {
    Process process =
        new ProcessBuilder(mounted.resolve("bin/sh").toString(), "-c", "echo $((6 * 7))")
            .redirectErrorStream(true)
            .start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    if (process.waitFor() != 0) {
      throw new IOException("exit code " + process.exitValue() + ": " + said);
    }
    return said.equals("42\n") ? 0 : 1;
  }

  private long walk() throws IOException {
    return names(mounted).equals(names(original)) ? 0 : 1;
  }

  private static List<String> names(Path tree) throws IOException {
    try (Stream<Path> all = Files.walk(tree)) {
      return all.map(path -> tree.relativize(path).toString()).sorted().toList();
    }
  }
}
