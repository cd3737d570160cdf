package dev.aquifer.build;

import dev.aquifer.io.LittleEndian;
import dev.aquifer.io.Sha256;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A digest of all that an image keeps of a tree: names, types, modes, owners, times, extended
 * attributes, link targets, device numbers, bytes, and which names are one file. Two trees have the
 * same digest if a user can't tell one from the other.
 */
public final class TreeDigest {
  private static final int STEP_BYTES = 1 << 20;

  private final SourceTree tree;
  private final MemorySegment buffer;
  private final Map<FileKey, String> seen = new HashMap<>();

  private TreeDigest(SourceTree tree, MemorySegment buffer) {
    this.tree = tree;
    this.buffer = buffer;
  }

  /** The SHA-256 of the lines of {@link #lines}, each ended by a line feed, in UTF-8. */
  public static Sha256 of(SourceTree tree) throws IOException {
    MessageDigest digest = Sha256.newDigest();
    lines(
        tree,
        line -> {
          digest.update(line.getBytes(StandardCharsets.UTF_8));
          digest.update((byte) '\n');
        });
    return Sha256.finish(digest);
  }

  /**
   * Gives one line a name: a directory before what is in it, entries in bytewise order. A line has
   * the path, the mode in octal, uid:gid, the time, and what the type has: size and SHA-256 of the
   * data, target, device number, extended attributes; or, for a further name of a file, its first.
   * All escaped so that a line is a line.
   */
  public static void lines(SourceTree tree, Consumer<String> sink) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      new TreeDigest(tree, arena.allocate(STEP_BYTES, 64)).walk(sink);
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
  }

  private void walk(Consumer<String> sink) throws IOException {
    Deque<SourceEntry> rest = new ArrayDeque<>();
    rest.push(tree.root());
    while (!rest.isEmpty()) {
      SourceEntry entry = rest.pop();
      sink.accept(line(entry));
      if (entry.stat().isDirectory()) {
        List<SourceEntry> children = new ArrayList<>(tree.children(entry));
        children.sort((a, b) -> Arrays.compareUnsigned(b.name(), a.name()));
        children.forEach(rest::push);
      }
    }
  }

  private String line(SourceEntry entry) throws IOException {
    FileStat stat = entry.stat();
    String path = "/" + escaped(entry.path());
    String first = firstName(stat, path);
    if (first != null) {
      return path + " same as " + first;
    }
    StringBuilder line = new StringBuilder();
    line.append(path)
        .append(" %o %d:%d ".formatted(stat.mode(), stat.uid(), stat.gid()))
        .append("%d.%09d".formatted(stat.mtimeSeconds(), stat.mtimeNanos()));
    if (stat.isRegular()) {
      line.append(" %d %s".formatted(stat.sizeBytes(), dataDigest(entry).hex()));
    } else if (stat.isSymlink()) {
      line.append(" -> ").append(escaped(tree.linkTarget(entry)));
    } else if (stat.isDevice()) {
      line.append(" rdev 0x%x".formatted(stat.rdev()));
    }
    List<Xattr> xattrs = new ArrayList<>(tree.xattrs(entry));
    xattrs.sort(null);
    for (Xattr xattr : xattrs) {
      line.append(" ")
          .append(escaped(xattr.name()))
          .append('=')
          .append(HexFormat.of().formatHex(xattr.value()));
    }
    return line.toString();
  }

  private @Nullable String firstName(FileStat stat, String path) {
    if (stat.isDirectory() || stat.nlink() <= 1) {
      return null;
    }
    return seen.putIfAbsent(FileKey.of(stat), path);
  }

  /** Everything but printable ASCII, and the percent sign, as {@code %XX}. */
  private static String escaped(byte[] bytes) {
    StringBuilder text = new StringBuilder();
    for (byte b : bytes) {
      if (b > ' ' && b < 0x7f && b != '%') {
        text.append((char) b);
      } else {
        text.append("%%%02X".formatted(b & 0xff));
      }
    }
    return text.toString();
  }

  /**
   * The SHA-256 of a file's data; if there is more than 1 MiB of it, that of position (u64, little
   * endian) and SHA-256 of each MiB that is not all zeros. So holes need not be looked at, however
   * large they are.
   */
  private Sha256 dataDigest(SourceEntry entry) throws IOException {
    long size = entry.stat().sizeBytes();
    if (size == 0) {
      return Sha256.hash(new byte[0]);
    }
    try (SourceFile file = tree.open(entry)) {
      if (size <= STEP_BYTES) {
        MemorySegment whole = buffer.asSlice(0, size);
        file.read(0, whole);
        file.checkUnchanged();
        return Sha256.hash(whole);
      }
      MessageDigest digest = Sha256.newDigest();
      byte[] position = new byte[Long.BYTES];
      long at = file.nextData(0) / STEP_BYTES * STEP_BYTES;
      while (at < size) {
        MemorySegment step = buffer.asSlice(0, Math.min(STEP_BYTES, size - at));
        file.read(at, step);
        if (!Batch.isZero(step)) {
          LittleEndian.put64(MemorySegment.ofArray(position), 0, at);
          digest.update(position);
          digest.update(Sha256.hash(step).bytes());
        }
        long next = at + step.byteSize();
        at = next < size ? file.nextData(next) / STEP_BYTES * STEP_BYTES : size;
      }
      file.checkUnchanged();
      return Sha256.finish(digest);
    }
  }
}
