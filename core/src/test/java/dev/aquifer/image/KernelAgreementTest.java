package dev.aquifer.image;

import static org.assertj.core.api.Assertions.assertThat;

import dev.aquifer.io.ByteSource;
import dev.aquifer.testing.Requires;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/**
 * Images with bytes changed at random, mounted by the kernel and opened by the reader: both accept
 * or both refuse each of them and all that is in it, and what both accept they show alike; but for
 * the {@link KnownDifference}s.
 *
 * <p>The system properties {@code aquifer.seed} and {@code aquifer.copies} set the seed, which is
 * printed, and the number of changed copies of each image; {@code aquifer.keep} names a directory
 * for the copies that are not agreed upon.
 */
@Tag("root")
@Tag("slow")
class KernelAgreementTest {
  /** Of blocks of 4 KiB, without extra devices: one for each way to keep metadata and data. */
  private static final List<String> IDS =
      List.of(
          "02-extended-inode",
          "11-manydir",
          "20-xattr",
          "24-xattr-pfx-plain",
          "30-lz4",
          "31-lz4hc-C64k",
          "32-lz4-full",
          "38-zstd",
          "50-ztail",
          "53-fragments",
          "57-tfd",
          "62-dedupe-partial",
          "71-chunk-indexes",
          "92-48bit-zstd-ext",
          "9A-metabox-alg2");

  private static final int COPIES = 10;

  /** Always the same, as a difference that nobody has explained yet breaks the test. */
  private static final long SEED = 1;

  private static final Duration LIMIT = Duration.ofSeconds(60);

  @TempDir Path temp;

  @TestFactory
  Stream<DynamicTest> acceptsAndShowsWhatTheKernelDoes() throws IOException {
    Requires.root();
    Requires.tool("mount");
    Requires.tool("getfattr");
    long seed = Long.getLong("aquifer.seed", SEED);
    int copies = Integer.getInteger("aquifer.copies", COPIES);
    System.out.println("KernelAgreementTest: -Daquifer.seed=" + seed);
    GoldenImages golden = GoldenImages.ofResources();
    return IDS.stream()
        .map(
            id ->
                DynamicTest.dynamicTest(
                    id, () -> compare(golden, id, new Random(seed ^ id.hashCode()), copies)));
  }

  private void compare(GoldenImages golden, String id, Random random, int copies)
      throws IOException {
    byte[] whole = golden.bytes(id);
    Mutator mutator = new Mutator(whole, golden.open(id));
    List<String> wrong = new ArrayList<>();
    for (int i = -1; i < copies; i++) {
      byte[] bytes = i < 0 ? whole : mutator.next(random);
      String copy = id + ", copy " + i + ": ";
      Assertions.assertTimeoutPreemptively(
          LIMIT, () -> differences(bytes).forEach(found -> wrong.add(copy + found)), copy);
      String keep = System.getProperty("aquifer.keep");
      if (keep != null && !wrong.isEmpty() && wrong.getLast().startsWith(copy)) {
        Files.write(Path.of(keep, id + "-" + i + ".erofs"), bytes);
      }
    }
    assertThat(String.join("\n", wrong)).isEmpty();
  }

  private List<String> differences(byte[] bytes) throws IOException, InterruptedException {
    Path file = Files.write(temp.resolve("image.erofs"), bytes);
    Path target = Files.createDirectories(temp.resolve("mnt"));
    Agreement agreement = new Agreement();
    Image image = agreement.ours("mount", () -> Image.open(ByteSource.of("image", bytes)));
    Boolean isMounted =
        agreement.kernels(
            "mount",
            () -> {
              mount(file, target);
              return true;
            });
    if (isMounted == null) {
      agreement.judge("mount", image != null, false);
      return agreement.differences();
    }
    try {
      if (agreement.judge("mount", image != null, true)) {
        Remount remount =
            () -> {
              umount(target);
              mount(file, target);
            };
        new Walk(agreement, image, remount).root(target);
      }
      return agreement.differences();
    } finally {
      umount(target);
    }
  }

  private void mount(Path file, Path target) throws IOException, InterruptedException {
    DirectoryListing.run(
        temp, List.of("mount", "-t", "erofs", "-o", "ro", file.toString(), target.toString()));
  }

  private void umount(Path target) throws IOException, InterruptedException {
    DirectoryListing.run(temp, List.of("umount", target.toString()));
  }

  /** Mounts the image anew, so that the kernel remembers nothing. */
  private interface Remount {
    void run() throws IOException, InterruptedException;
  }

  /** Compares what is at each path, each inode once. */
  private static final class Walk {
    private static final int PART_BYTES = 256 * 1024;
    private static final int MAX_PATHS = 150;
    private static final long PAGE_BYTES = 4096;

    private final Agreement agreement;
    private final Image image;
    private final Remount remount;
    private final Map<Long, String> seen = new TreeMap<>();

    Walk(Agreement agreement, Image image, Remount remount) {
      this.agreement = agreement;
      this.image = image;
      this.remount = remount;
    }

    void root(Path path) {
      seen.put(image.root().nid(), "");
      directory("", path, image.root());
    }

    private void directory(String name, Path path, Inode inode) {
      properties(name + "/", path, inode);
      TreeMap<String, Path> kernels =
          agreement.kernels("names " + name, () -> KernelView.names(path));
      TreeMap<String, DirEntry> ours =
          agreement.ours(
              "names " + name,
              () -> {
                TreeMap<String, DirEntry> names = new TreeMap<>();
                image
                    .directory(inode)
                    .forEach(entry -> names.put(ByteNames.toText(entry.name()), entry));
                return names;
              });
      if (!agreement.judge("names " + name, ours != null, kernels != null)) {
        return;
      }
      // The C library leaves out what is said to be inode 0.
      ours.values().removeIf(entry -> entry.nid() == 0);
      agreement.same("names " + name, quoted(ours.keySet()), quoted(kernels.keySet()));
      ours.keySet().retainAll(kernels.keySet());
      ours.forEach(
          (child, entry) ->
              entry(
                  name + "/" + ByteNames.quote(entry.nameWithoutCopy()),
                  kernels.get(child),
                  entry));
    }

    private static String quoted(Set<String> names) {
      return names.stream()
          .map(name -> ByteNames.quote(ByteNames.toBytes(name)))
          .collect(Collectors.joining(", "));
    }

    private void entry(String name, Path path, DirEntry entry) {
      if (seen.size() > MAX_PATHS || seen.putIfAbsent(entry.nid(), name) != null) {
        return;
      }
      Inode inode = agreement.ours("inode " + name, () -> image.inode(entry));
      String kernels = agreement.kernels("inode " + name, () -> KernelView.inode(path));
      if (!agreement.judge("inode " + name, inode != null, kernels != null)) {
        return;
      }
      if (inode.type() == FileType.DIRECTORY) {
        directory(name, path, inode);
      } else {
        properties(name, path, inode);
      }
    }

    private void properties(String name, Path path, Inode inode) {
      agreement.both("inode " + name, () -> ReaderView.inode(inode), () -> KernelView.inode(path));
      if (inode.type() == FileType.SYMBOLIC_LINK) {
        agreement.both(
            "target " + name, () -> ReaderView.target(image, inode), () -> KernelView.target(path));
      }
      if (inode.type() == FileType.REGULAR) {
        long size = inode.sizeBytes();
        int length = (int) Math.min(PART_BYTES, size);
        // The reader looks at the start of data that it opens.
        if (data("data " + name, path, inode, 0, length) && size > length) {
          data("data at the end of " + name, path, inode, size - length, length);
        }
      }
      if (inode.xattrSizeBytes() > 0) {
        agreement.both(
            "xattrs " + name, () -> ReaderView.xattrs(image, inode), () -> KernelView.xattrs(path));
      }
    }

    private boolean data(String what, Path path, Inode inode, long position, int length) {
      String ours = agreement.ours(what, () -> ReaderView.part(image, inode, position, length));
      String kernels = agreement.kernels(what, () -> KernelView.part(path, position, length));
      if (ours != null && !ours.equals(kernels)) {
        // Stored bytes that another file calls something else are refused while they are kept, or
        // shown as that file has them.
        kernels =
            agreement.kernels(
                what,
                () -> {
                  remount.run();
                  return KernelView.part(path, position, length);
                });
      }
      if (ours != null && kernels == null && !canReadPages(inode, position, length)) {
        return false;
      }
      boolean isAnswered = agreement.judge(what, ours != null, kernels != null);
      if (isAnswered) {
        agreement.same(what, ours, kernels);
      }
      return isAnswered;
    }

    /**
     * Whether the packed inode can be read around the fragments of a file: the kernel reads pages
     * of it, in which other data may be damaged.
     */
    private boolean canReadPages(Inode inode, long position, int length) {
      try {
        for (long at = position; at < position + length; ) {
          Extent extent = image.map(inode, at);
          if (extent instanceof Extent.Fragment fragment) {
            Inode packed = image.inode(image.superblock().packedNid());
            long from = fragment.packedOffsetBytes() & -PAGE_BYTES;
            long to =
                fragment.packedOffsetBytes() + fragment.lengthBytes() + PAGE_BYTES & -PAGE_BYTES;
            image.open(packed).readBytes(from, (int) (Math.min(to, packed.sizeBytes()) - from));
          }
          at += extent.lengthBytes();
        }
        return true;
      } catch (IOException e) {
        return false;
      }
    }
  }
}
