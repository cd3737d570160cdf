package dev.aquifer.build;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;

/**
 * Images as layers of an overlay file system, as that shows them: of a name in several layers the
 * uppermost is seen, with its owner, mode, times and attributes; directories have what is in those
 * below, too, down to the first that is opaque or no directory; a character device 0:0 hides what
 * is below it. These marks themselves are not seen.
 */
final class MergedTree implements SourceTree {
  private static final String MARKS = "trusted.overlay.";
  private static final String OPAQUE = MARKS + "opaque";

  /** A mark of an overlay's layer that lies in another overlay's. */
  private static final String ESCAPED_MARKS = MARKS + "overlay.";

  /** No tree of images has such numbers; each layer has one. */
  private static final long FIRST_DEV = -1000;

  private final List<ImageTree> layers;

  /** The tree of {@code layers}, the lowest first, which stay the caller's. */
  MergedTree(List<ImageTree> layers) {
    this.layers = List.copyOf(layers);
  }

  /** A name in one layer. */
  record Part(int layer, SourceEntry entry) {
    boolean isDirectory() {
      return entry.stat().isDirectory();
    }
  }

  /** The same name in some layers, the uppermost first, and more than one only of directories. */
  private static final class Parts {
    final List<Part> parts = new ArrayList<>();
    boolean isWhole;

    Part seen() {
      return parts.getFirst();
    }
  }

  /** What of which layer is seen at {@code entry}. */
  static Part seen(SourceEntry entry) {
    return parts(entry).seen();
  }

  private static Parts parts(SourceEntry entry) {
    return (Parts) Objects.requireNonNull(entry.origin(), "an entry of another tree");
  }

  /** Adds a name in the next layer below. */
  private void add(Parts parts, Part below) throws IOException {
    if (parts.isWhole) {
      return;
    }
    if (parts.parts.isEmpty() || below.isDirectory()) {
      parts.parts.add(below);
    }
    parts.isWhole = !below.isDirectory() || isOpaque(below);
  }

  private boolean isOpaque(Part directory) throws IOException {
    for (Xattr xattr : xattrs(directory)) {
      if (name(xattr).equals(OPAQUE) && Arrays.equals(xattr.value(), new byte[] {'y'})) {
        return true;
      }
    }
    return false;
  }

  private List<Xattr> xattrs(Part part) throws IOException {
    List<Xattr> xattrs = layers.get(part.layer).xattrs(part.entry);
    for (Xattr xattr : xattrs) {
      String name = name(xattr);
      if (name.equals(MARKS + "redirect") || name.equals(MARKS + "metacopy")) {
        throw new IOException(
            "%s: %s: has %s, which refers to files of layers that are not known: expected a layer of a mount without redirect_dir and metacopy"
                .formatted(layers.get(part.layer).name(), part.entry, name));
      }
    }
    return xattrs;
  }

  private static String name(Xattr xattr) {
    return new String(xattr.name(), StandardCharsets.ISO_8859_1);
  }

  @Override
  public String name() {
    return layers.stream().map(ImageTree::name).collect(Collectors.joining(" + "));
  }

  @Override
  public SourceEntry root() throws IOException {
    Parts parts = new Parts();
    for (int layer = layers.size() - 1; layer >= 0; layer--) {
      add(parts, new Part(layer, layers.get(layer).root()));
    }
    return SourceEntry.root(stat(parts.seen()), parts);
  }

  @Override
  public List<SourceEntry> children(SourceEntry directory) throws IOException {
    Map<ByteBuffer, Parts> byName = new LinkedHashMap<>();
    for (Part part : parts(directory).parts) {
      for (SourceEntry child : layers.get(part.layer).children(part.entry)) {
        add(
            byName.computeIfAbsent(ByteBuffer.wrap(child.name()), _ -> new Parts()),
            new Part(part.layer, child));
      }
    }
    List<SourceEntry> children = new ArrayList<>();
    for (Parts parts : byName.values()) {
      Part seen = parts.seen();
      if (!seen.entry.stat().isWhiteout()) {
        children.add(SourceEntry.of(directory, seen.entry.name(), stat(seen), parts));
      }
    }
    return children;
  }

  private static FileStat stat(Part part) {
    FileStat stat = part.entry.stat();
    return new FileStat(
        stat.mode(),
        stat.uid(),
        stat.gid(),
        stat.sizeBytes(),
        stat.mtimeSeconds(),
        stat.mtimeNanos(),
        stat.rdev(),
        FIRST_DEV - part.layer,
        stat.ino(),
        stat.nlink(),
        stat.changeToken());
  }

  @Override
  public List<Xattr> xattrs(SourceEntry entry) throws IOException {
    List<Xattr> seen = new ArrayList<>();
    for (Xattr xattr : xattrs(seen(entry))) {
      String name = name(xattr);
      if (name.startsWith(ESCAPED_MARKS)) {
        String inner = MARKS + name.substring(ESCAPED_MARKS.length());
        seen.add(Xattr.of(inner.getBytes(StandardCharsets.ISO_8859_1), xattr.value()));
      } else if (!name.startsWith(MARKS)) {
        seen.add(xattr);
      }
    }
    return seen;
  }

  @Override
  public byte[] linkTarget(SourceEntry link) throws IOException {
    Part seen = seen(link);
    return layers.get(seen.layer).linkTarget(seen.entry);
  }

  @Override
  public SourceFile open(SourceEntry file) throws IOException {
    Part seen = seen(file);
    return layers.get(seen.layer).open(seen.entry);
  }

  @Override
  public void close() {}
}
