package dev.aquifer.tool;

import dev.aquifer.image.FileType;
import dev.aquifer.io.ByteSource;
import dev.aquifer.io.CorruptDataException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * Compares two trees: names, types, modes, owners, counts of links, times, devices, targets,
 * extended attributes, data. Counts of links of directories and their sizes are left out: each file
 * system has its own.
 */
public final class Differ {
  private static final long STEP_BYTES = 1 << 20;

  private final DiffTree a;
  private final DiffTree b;
  private final Set<String> ignored;
  private final Taker taker;
  private final Deque<Pair> pairs = new ArrayDeque<>();
  private long count;

  private Differ(DiffTree a, DiffTree b, Set<String> ignored, Taker taker) {
    this.a = a;
    this.b = b;
    this.ignored = ignored;
    this.taker = taker;
  }

  /** Takes differences. */
  @FunctionalInterface
  public interface Taker {
    /** Takes the next one; what it throws ends the comparison. */
    void take(Difference difference) throws IOException;
  }

  /** Two directories at one path. */
  @SuppressWarnings("ArrayRecordComponent")
  private record Pair(byte[] path, DiffNode a, DiffNode b, int depth) {}

  /**
   * Compares {@code a} with {@code b}, a directory before what is in it. Of a directory that is on
   * one side alone, only itself is told.
   *
   * @param ignored properties that don't count, as {@link Difference#what} calls them; {@code
   *     xattrs} for all extended attributes
   * @return how many differences there are
   */
  public static long compare(DiffTree a, DiffTree b, Set<String> ignored, Taker taker)
      throws IOException {
    Differ differ = new Differ(a, b, ignored, taker);
    differ.compare(WalkEntry.ROOT, a.root(), b.root(), 0);
    while (!differ.pairs.isEmpty()) {
      differ.compareChildren(differ.pairs.pop());
    }
    return differ.count;
  }

  private void compareChildren(Pair pair) throws IOException {
    if (pair.depth > ImageWalk.MAX_DEPTH) {
      throw new CorruptDataException(
          "%s: %s: is more than %d levels down"
              .formatted(a.name(), PathText.shown(pair.path), ImageWalk.MAX_DEPTH));
    }
    List<DiffNode> left = a.children(pair.a);
    List<DiffNode> right = b.children(pair.b);
    Deque<Pair> below = new ArrayDeque<>();
    int i = 0;
    int j = 0;
    while (i < left.size() || j < right.size()) {
      int order = i == left.size() ? 1 : j == right.size() ? -1 : order(left.get(i), right.get(j));
      DiffNode first = order <= 0 ? left.get(i++) : null;
      DiffNode second = order >= 0 ? right.get(j++) : null;
      DiffNode any = first != null ? first : Objects.requireNonNull(second);
      byte[] path = WalkEntry.childPath(pair.path, any.name());
      if (first == null || second == null) {
        tell(path, "only", first == null ? null : words(first), second == null ? null : words(any));
      } else if (compare(path, first, second, pair.depth + 1)) {
        below.push(pairs.pop());
      }
    }
    // The first one is to be on top.
    below.forEach(pairs::push);
  }

  private static int order(DiffNode left, DiffNode right) {
    return Arrays.compareUnsigned(left.name(), right.name());
  }

  private static String words(DiffNode node) {
    return node.type().toString();
  }

  /** Returns whether both are directories, which are then on top of the stack. */
  private boolean compare(byte[] path, DiffNode left, DiffNode right, int depth)
      throws IOException {
    if (left.type() != right.type()) {
      tell(path, "type", words(left), words(right));
      return false;
    }
    differs(path, "mode", Manifest.octal(left.permissions()), Manifest.octal(right.permissions()));
    differs(path, "uid", Long.toString(left.uid()), Long.toString(right.uid()));
    differs(path, "gid", Long.toString(left.gid()), Long.toString(right.gid()));
    differs(
        path,
        "mtime",
        Manifest.time(left.mtimeSeconds(), left.mtimeNanos()),
        Manifest.time(right.mtimeSeconds(), right.mtimeNanos()));
    differs(path, "rdev", left.rdev(), right.rdev());
    if (!ignored.contains("xattrs")) {
      compareXattrs(path, left, right);
    }
    boolean isDirectory = left.type() == FileType.DIRECTORY;
    if (isDirectory) {
      pairs.push(new Pair(path, left, right, depth));
    } else {
      differs(path, "nlink", Long.toString(left.nlink()), Long.toString(right.nlink()));
      compareContent(path, left, right);
    }
    return isDirectory;
  }

  private void compareXattrs(byte[] path, DiffNode left, DiffNode right) throws IOException {
    Map<String, String> mine = a.xattrs(left);
    Map<String, String> theirs = b.xattrs(right);
    if (mine.equals(theirs)) {
      return;
    }
    Set<String> names = new TreeSet<>(mine.keySet());
    names.addAll(theirs.keySet());
    for (String name : names) {
      differs(path, "xattr " + name, mine.get(name), theirs.get(name));
    }
  }

  private void compareContent(byte[] path, DiffNode left, DiffNode right) throws IOException {
    if (left.type() == FileType.SYMBOLIC_LINK) {
      differs(path, "target", PathText.percent(a.target(left)), PathText.percent(b.target(right)));
    } else if (left.type() == FileType.REGULAR) {
      boolean isSameSize = left.sizeBytes() == right.sizeBytes();
      differs(path, "size", Long.toString(left.sizeBytes()), Long.toString(right.sizeBytes()));
      if (isSameSize && left.sizeBytes() > 0 && !ignored.contains("data")) {
        compareData(path, left, right);
      }
    }
  }

  private void compareData(byte[] path, DiffNode left, DiffNode right) throws IOException {
    try (Arena arena = Arena.ofConfined();
        ByteSource mine = a.open(left);
        ByteSource theirs = b.open(right)) {
      long size = left.sizeBytes();
      long room = Math.min(size, STEP_BYTES);
      MemorySegment one = arena.allocate(room, 64);
      MemorySegment two = arena.allocate(room, 64);
      for (long at = 0; at < size; at += STEP_BYTES) {
        long step = Math.min(STEP_BYTES, size - at);
        mine.read(at, one.asSlice(0, step));
        theirs.read(at, two.asSlice(0, step));
        long found = one.asSlice(0, step).mismatch(two.asSlice(0, step));
        if (found >= 0) {
          String place = " at byte " + (at + found);
          tell(path, "data", hex(one, found) + place, hex(two, found) + place);
          return;
        }
      }
    }
  }

  private static String hex(MemorySegment bytes, long at) {
    return "0x%02x".formatted(bytes.get(java.lang.foreign.ValueLayout.JAVA_BYTE, at) & 0xff);
  }

  private void differs(byte[] path, String what, @Nullable String left, @Nullable String right)
      throws IOException {
    if (!Objects.equals(left, right)) {
      tell(path, what, left, right);
    }
  }

  private void tell(byte[] path, String what, @Nullable String left, @Nullable String right)
      throws IOException {
    if (!ignored.contains(what)) {
      count++;
      taker.take(new Difference(PathText.percent(path), what, left, right));
    }
  }
}
