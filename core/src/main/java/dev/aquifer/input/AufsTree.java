package dev.aquifer.input;

import dev.aquifer.build.FileStat;
import dev.aquifer.build.SourceEntry;
import dev.aquifer.build.SourceTree;
import dev.aquifer.build.Xattr;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * One layer of a container image as overlayfs wants it: an empty file {@code .wh.NAME} becomes a
 * device 0:0 called {@code NAME}, which hides what layers below have there, and {@code
 * .wh..wh..opq} the attribute {@code trusted.overlay.opaque} of its directory, which hides all that
 * they have in it. As {@code --aufs} of mkfs.erofs.
 *
 * <p>A mark hides nothing of its own layer: if {@code NAME} is there, too, it stays, and is opaque
 * if it is a directory. A directory with devices 0:0 gets {@code trusted.overlay.origin}, so that
 * overlayfs does not show them. Other names that begin with {@code .wh..wh.} are left out.
 */
public final class AufsTree extends DerivedTree {
  private static final byte[] OPAQUE = bytes("trusted.overlay.opaque");
  private static final byte[] ORIGIN = bytes("trusted.overlay.origin");
  private static final int CHARACTER_DEVICE = 0020000;

  /** A directory that a mark beside it makes opaque. */
  private record Hiding(SourceEntry directory) {}

  private AufsTree(SourceTree tree) {
    super(tree);
  }

  /** {@code layer} as overlayfs wants it; closing the result closes it. */
  public static SourceTree of(SourceTree layer) {
    return new AufsTree(layer);
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }

  @Override
  SourceEntry inner(SourceEntry entry) {
    return entry.origin() instanceof Hiding hiding ? hiding.directory : super.inner(entry);
  }

  @Override
  public List<SourceEntry> children(SourceEntry directory) throws IOException {
    return shown(directory, tree.children(inner(directory)));
  }

  /** What overlayfs is to find in {@code directory}, which has {@code all}. */
  private List<SourceEntry> shown(SourceEntry directory, List<SourceEntry> all) throws IOException {
    Set<Name> own = new HashSet<>();
    Set<Name> hidden = new HashSet<>();
    for (SourceEntry child : all) {
      if (!AufsNames.isMark(child.name())) {
        own.add(Name.of(child.name()));
      } else if (!AufsNames.isOwn(child.name())) {
        hidden.add(AufsNames.hidden(child.name()));
      }
    }
    List<SourceEntry> children = new ArrayList<>();
    for (SourceEntry child : all) {
      byte[] name = child.name();
      if (!AufsNames.isMark(name)) {
        boolean hides = child.stat().isDirectory() && hidden.contains(Name.of(name));
        Object origin = hides ? new Hiding(child) : child;
        children.add(SourceEntry.of(directory, name, child.stat(), origin));
      } else if (!AufsNames.isOwn(name)) {
        checkMark(child);
        Name hiddenName = AufsNames.hidden(name);
        if (!own.contains(hiddenName)) {
          children.add(
              SourceEntry.of(directory, hiddenName.bytes(), whiteout(child.stat()), child));
        }
      }
    }
    return children;
  }

  private void checkMark(SourceEntry mark) throws IOException {
    if (!AufsNames.hidesName(mark.name())) {
      throw new IOException("%s: %s: expected a name after .wh.".formatted(tree.name(), mark));
    }
    List<SourceEntry> below = mark.stat().isDirectory() ? tree.children(mark) : List.of();
    if (!below.isEmpty()) {
      throw new IOException(
          "%s: %s: %s".formatted(tree.name(), below.getFirst(), AufsNames.BELOW_MARK));
    }
  }

  private static FileStat whiteout(FileStat mark) {
    return new FileStat(
        CHARACTER_DEVICE,
        mark.uid(),
        mark.gid(),
        0,
        mark.mtimeSeconds(),
        mark.mtimeNanos(),
        0,
        mark.dev(),
        mark.ino(),
        1,
        mark.changeToken());
  }

  @Override
  public List<Xattr> xattrs(SourceEntry entry) throws IOException {
    SourceEntry inner = inner(entry);
    if (!entry.stat().isDirectory()) {
      return AufsNames.isMark(inner.name()) ? List.of() : tree.xattrs(inner);
    }
    List<SourceEntry> all = tree.children(inner);
    List<Xattr> xattrs = new ArrayList<>(tree.xattrs(inner));
    if (entry.origin() instanceof Hiding
        || all.stream().anyMatch(child -> AufsNames.isOpaque(child.name()))) {
      put(xattrs, Xattr.of(OPAQUE, bytes("y")));
    }
    if (shown(entry, all).stream().anyMatch(child -> child.stat().isWhiteout())) {
      put(xattrs, Xattr.of(ORIGIN, new byte[0]));
    }
    return xattrs;
  }

  private static void put(List<Xattr> xattrs, Xattr added) {
    remove(xattrs, added.name());
    xattrs.add(added);
  }
}
