package dev.aquifer.input;

import dev.aquifer.build.SourceEntry;
import dev.aquifer.build.SourceFile;
import dev.aquifer.build.SourceTree;
import dev.aquifer.build.Xattr;
import dev.aquifer.image.FileType;
import dev.aquifer.io.ByteSource;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A tree whose names and metadata are in memory, and the data of its files anywhere. Made by one
 * thread, then read by many.
 */
abstract sealed class ItemTree implements SourceTree
    permits TarTree, LayerTree, LayerFiles, MemoryTree {
  private static final int MADE_PERMISSIONS = 0755;

  private final String name;
  private int items;
  private final Item.Directory root = new Item.Directory(nextIno(), MADE_PERMISSIONS);

  ItemTree(String name) {
    this.name = name;
  }

  final int nextIno() {
    return ++items;
  }

  final Item.Directory rootItem() {
    return root;
  }

  /** A directory that nothing describes: as the one it is in, but closed for writing by others. */
  final Item.Directory makeDirectory(Item.Directory parent) {
    Item.Directory made = new Item.Directory(nextIno(), MADE_PERMISSIONS);
    made.uid = parent.uid;
    made.gid = parent.gid;
    made.mtimeSeconds = parent.mtimeSeconds;
    made.mtimeNanos = parent.mtimeNanos;
    return made;
  }

  /** Where data of files lies as it is; null if nowhere. */
  @Nullable ByteSource archive() {
    return null;
  }

  @Override
  public final String name() {
    return name;
  }

  @Override
  public final SourceEntry root() {
    return SourceEntry.root(root.stat(), root);
  }

  @Override
  public final List<SourceEntry> children(SourceEntry directory) {
    Item.Directory item = (Item.Directory) item(directory);
    List<SourceEntry> entries = new ArrayList<>(item.children.size());
    for (Map.Entry<Name, Item> child : item.children.entrySet()) {
      entries.add(
          SourceEntry.of(
              directory, child.getKey().bytes(), child.getValue().stat(), child.getValue()));
    }
    return entries;
  }

  @Override
  public final List<Xattr> xattrs(SourceEntry entry) {
    return item(entry).xattrs;
  }

  @Override
  public final byte[] linkTarget(SourceEntry link) {
    return item(link).target;
  }

  @Override
  public final SourceFile open(SourceEntry file) throws IOException {
    Item item = item(file);
    if (item.type != FileType.REGULAR) {
      throw new IOException("%s: %s: is no regular file".formatted(name, file));
    }
    return new ItemFile(name + ": " + file, item, this);
  }

  /** They are numbered as they are read. */
  @Override
  public final long rank(SourceEntry file) {
    return item(file).ino;
  }

  private static Item item(SourceEntry entry) {
    return (Item) Objects.requireNonNull(entry.origin(), "an entry of another tree");
  }
}
