package dev.aquifer.input;

import dev.aquifer.build.SourceEntry;
import dev.aquifer.build.SourceTree;
import dev.aquifer.build.Xattr;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * The upper layer of an overlay file system without what hides files of layers below: devices 0:0,
 * empty files with the attribute {@code overlay.whiteout}, and the attributes {@code
 * overlay.opaque} and {@code overlay.origin}, in {@code trusted.} and {@code user.}. {@code
 * --ovlfs-strip} of mkfs.erofs knows the devices and {@code trusted.overlay.opaque} of these.
 */
public final class StrippedTree extends DerivedTree {
  private static final Set<String> WHITEOUT =
      Set.of("trusted.overlay.whiteout", "user.overlay.whiteout");
  private static final Set<String> OF_DIRECTORIES =
      Set.of(
          "trusted.overlay.opaque",
          "trusted.overlay.origin",
          "user.overlay.opaque",
          "user.overlay.origin");

  private StrippedTree(SourceTree tree) {
    super(tree);
  }

  /** {@code layer} without what hides; closing the result closes it. */
  public static SourceTree of(SourceTree layer) {
    return new StrippedTree(layer);
  }

  private boolean hides(SourceEntry entry) throws IOException {
    if (!entry.stat().isRegular() || entry.stat().sizeBytes() > 0) {
      return entry.stat().isWhiteout();
    }
    return tree.xattrs(entry).stream().anyMatch(xattr -> WHITEOUT.contains(text(xattr)));
  }

  private static String text(Xattr xattr) {
    return new String(xattr.name(), StandardCharsets.ISO_8859_1);
  }

  @Override
  public List<SourceEntry> children(SourceEntry directory) throws IOException {
    List<SourceEntry> children = new ArrayList<>();
    for (SourceEntry child : super.children(directory)) {
      if (!hides(inner(child))) {
        children.add(child);
      }
    }
    return children;
  }

  @Override
  public List<Xattr> xattrs(SourceEntry entry) throws IOException {
    List<Xattr> xattrs = new ArrayList<>(super.xattrs(entry));
    xattrs.removeIf(xattr -> OF_DIRECTORIES.contains(text(xattr)));
    return xattrs;
  }
}
