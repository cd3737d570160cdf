import dev.aquifer.image.DirEntry;
import dev.aquifer.image.FileType;
import dev.aquifer.image.Image;
import dev.aquifer.image.Inode;
import dev.aquifer.io.ByteSource;
import dev.aquifer.io.FileSource;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Reads every regular file of an image once, however many names it has, with some threads, and
 * prints the bytes and the seconds that it took; the start of Java is not in them, its warming up
 * is.
 */
public final class ReadAll {
  private ReadAll() {}

  public static void main(String[] arguments) throws Exception {
    int threads = Integer.parseInt(arguments[1]);
    try (ByteSource source = FileSource.open(Path.of(arguments[0]));
        ExecutorService executor = Executors.newFixedThreadPool(threads)) {
      long start = System.nanoTime();
      Image image = Image.open(source);
      Map<Long, Inode> found = new LinkedHashMap<>();
      collect(image, image.root(), found);
      List<Inode> files = List.copyOf(found.values());
      AtomicInteger next = new AtomicInteger();
      List<Future<Long>> readers = new ArrayList<>();
      for (int i = 0; i < threads; i++) {
        readers.add(executor.submit(() -> read(image, files, next)));
      }
      long bytes = 0;
      for (Future<Long> reader : readers) {
        bytes += reader.get();
      }
      System.out.printf("%d %.3f%n", bytes, (System.nanoTime() - start) / 1e9);
    }
  }

  private static void collect(Image image, Inode directory, Map<Long, Inode> files)
      throws IOException {
    List<DirEntry> entries = new ArrayList<>();
    image.directory(directory).forEach(entries::add);
    for (DirEntry entry : entries) {
      if (entry.type() == FileType.DIRECTORY) {
        collect(image, image.inode(entry), files);
      } else if (entry.type() == FileType.REGULAR) {
        files.putIfAbsent(entry.nid(), image.inode(entry));
      }
    }
  }

  private static long read(Image image, List<Inode> files, AtomicInteger next) throws IOException {
    long bytes = 0;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment buffer = arena.allocate(1 << 20);
      for (int i = next.getAndIncrement(); i < files.size(); i = next.getAndIncrement()) {
        ByteSource data = image.open(files.get(i));
        for (long at = 0; at < data.sizeBytes(); at += buffer.byteSize()) {
          long length = Math.min(buffer.byteSize(), data.sizeBytes() - at);
          data.read(at, buffer.asSlice(0, length));
          bytes += length;
        }
      }
    }
    return bytes;
  }
}
