package dev.aquifer.cli;

import dev.aquifer.build.SourceEntry;
import dev.aquifer.build.SourceFile;
import dev.aquifer.build.SourceTree;
import dev.aquifer.build.Xattr;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * A tree laid over another, as overlayfs does it, without copying a byte: directories are merged,
 * of anything else the upper one is seen. Owns both trees.
 */
final class OverlayTree implements SourceTree {
  private final SourceTree lower;
  private final SourceTree upper;

  /** What each entry that was given out stands for. */
  private final Map<SourceEntry, Layers> layers = new ConcurrentHashMap<>();

  OverlayTree(SourceTree lower, SourceTree upper) {
    this.lower = lower;
    this.upper = upper;
  }

  /** The same name in both trees; both are there only if both are directories. */
  private record Layers(@Nullable SourceEntry lower, @Nullable SourceEntry upper) {
    SourceEntry seen() {
      // A merged directory keeps the lower one's owner, mode and times.
      return lower != null ? lower : Objects.requireNonNull(upper);
    }

    Layers under(SourceEntry above) {
      boolean merged = lower != null && lower.stat().isDirectory() && above.stat().isDirectory();
      return new Layers(merged ? lower : null, above);
    }
  }

  @Override
  public String name() {
    return lower.name() + " + " + upper.name();
  }

  @Override
  public SourceEntry root() throws IOException {
    SourceEntry below = lower.root();
    SourceEntry root = SourceEntry.root(below.stat());
    layers.put(root, new Layers(below, upper.root()));
    return root;
  }

  @Override
  public List<SourceEntry> children(SourceEntry directory) throws IOException {
    Layers parent = layers(directory);
    Map<ByteBuffer, Layers> byName = new LinkedHashMap<>();
    if (parent.lower != null) {
      for (SourceEntry below : lower.children(parent.lower)) {
        byName.put(ByteBuffer.wrap(below.name()), new Layers(below, null));
      }
    }
    if (parent.upper != null) {
      for (SourceEntry above : upper.children(parent.upper)) {
        byName.merge(
            ByteBuffer.wrap(above.name()),
            new Layers(null, above),
            (below, ignored) -> below.under(above));
      }
    }
    List<SourceEntry> children = new ArrayList<>();
    for (Layers each : byName.values()) {
      SourceEntry seen = each.seen();
      SourceEntry child = SourceEntry.of(directory, seen.name(), seen.stat());
      layers.put(child, each);
      children.add(child);
    }
    return children;
  }

  @Override
  public List<Xattr> xattrs(SourceEntry entry) throws IOException {
    return tree(entry).xattrs(layers(entry).seen());
  }

  @Override
  public byte[] linkTarget(SourceEntry link) throws IOException {
    return tree(link).linkTarget(layers(link).seen());
  }

  @Override
  public SourceFile open(SourceEntry file) throws IOException {
    return tree(file).open(layers(file).seen());
  }

  private SourceTree tree(SourceEntry entry) {
    return layers(entry).lower != null ? lower : upper;
  }

  private Layers layers(SourceEntry entry) {
    return Objects.requireNonNull(layers.get(entry), "an entry of another tree");
  }

  @Override
  public void close() throws IOException {
    try (lower) {
      upper.close();
    }
  }
}
