package dev.aquifer.input;

import dev.aquifer.image.FileType;
import dev.aquifer.io.ByteSource;
import dev.aquifer.io.CorruptDataException;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Puts the entries of a tar archive into a tree, as GNU tar does into an empty directory: a later
 * entry takes the place of an earlier one, directories that are missing are made, links on the way
 * to a name are followed. All stays inside of the tree: its root is where absolute targets begin,
 * and above it there is nothing.
 */
final class Unpacking {
  private static final int MAX_LINKS = 40;
  private static final int MAX_NAME_BYTES = 255;
  private static final int MAX_TARGET_BYTES = 4095;

  /** No tree that is made by hand or program has longer ones; what does would be made to hurt. */
  private static final int MAX_PATH_BYTES = 64 << 10;

  private final ItemTree tree;
  private final ByteSource archive;

  /**
   * Starts to unpack.
   *
   * @param tree where entries go
   * @param archive where they come from, and stay with their data
   */
  Unpacking(ItemTree tree, ByteSource archive) {
    this.tree = tree;
    this.archive = archive;
  }

  /**
   * The names of an entry's path; none for the root.
   *
   * @throws CorruptDataException if it leads out of the tree
   */
  List<Name> names(TarEntry entry) throws CorruptDataException {
    return names(entry, entry.path());
  }

  private List<Name> names(TarEntry entry, Name path) throws CorruptDataException {
    if (path.bytes().length > MAX_PATH_BYTES) {
      throw wrong(
          entry,
          "a path of %d bytes: expected at most %d".formatted(path.bytes().length, MAX_PATH_BYTES));
    }
    List<Name> names = Name.split(path.bytes());
    for (Name name : names) {
      if (name.bytes().length > MAX_NAME_BYTES) {
        throw wrong(
            entry,
            "an impossible name of %d bytes: expected 1 to %d"
                .formatted(name.bytes().length, MAX_NAME_BYTES));
      }
      if (name.isDotDot()) {
        throw wrong(entry, "a name with .. in it, which leads out of the tree: expected none");
      }
    }
    return names;
  }

  /** Puts {@code entry} at the path of these names. */
  void add(TarEntry entry, List<Name> names) throws IOException {
    if (names.isEmpty()) {
      if (entry.type() != FileType.DIRECTORY) {
        throw wrong(entry, "is the root, and no directory");
      }
      describe(tree.rootItem(), entry);
      return;
    }
    Item.Directory parent = makeDirectory(entry, names.subList(0, names.size() - 1));
    Name name = names.getLast();
    FileType type = entry.type();
    if (type == null) {
      link(entry, parent, name);
      return;
    }
    if (type == FileType.DIRECTORY) {
      if (parent.children.get(name) instanceof Item.Directory known) {
        describe(known, entry);
      } else {
        Item.Directory directory = new Item.Directory(tree.nextIno(), 0);
        describe(directory, entry);
        parent.children.put(name, directory);
      }
      return;
    }
    if (type == FileType.SYMBOLIC_LINK) {
      checkTarget(entry);
    }
    Item item = new Item(tree.nextIno(), type, 0);
    describe(item, entry);
    item.rdev = entry.rdev();
    item.target = entry.target().bytes();
    if (type == FileType.REGULAR) {
      store(item, entry, archive);
    }
    parent.children.put(name, item);
  }

  /** Gives a regular file the data that {@code entry} has in {@code archive}. */
  static void store(Item item, TarEntry entry, ByteSource archive) {
    item.sizeBytes = entry.sizeBytes();
    item.data = archive;
    item.dataOffset = entry.dataAtBytes();
    item.sparse = entry.sparse();
  }

  private void checkTarget(TarEntry entry) throws CorruptDataException {
    int length = entry.target().bytes().length;
    if (length == 0 || length > MAX_TARGET_BYTES) {
      throw wrong(
          entry,
          "a link with a target of %d bytes: expected 1 to %d".formatted(length, MAX_TARGET_BYTES));
    }
  }

  private static void describe(Item item, TarEntry entry) {
    item.permissions = entry.permissions();
    item.uid = entry.uid();
    item.gid = entry.gid();
    item.mtimeSeconds = entry.mtimeSeconds();
    item.mtimeNanos = entry.mtimeNanos();
    item.xattrs = entry.xattrs();
  }

  private void link(TarEntry entry, Item.Directory parent, Name name) throws IOException {
    List<Name> target = names(entry, entry.target());
    Item found = target.isEmpty() ? tree.rootItem() : find(target);
    if (found == null) {
      throw wrong(
          entry,
          "a hard link to '%s', which is nowhere before it: expected the name of an earlier entry"
              .formatted(entry.target()));
    }
    if (found instanceof Item.Directory) {
      throw wrong(
          entry,
          "a hard link to '%s', which is a directory: expected another type of file"
              .formatted(entry.target()));
    }
    if (parent.children.put(name, found) != found) {
      found.nlink++;
    }
  }

  /** What is at a path, a link at its end not followed; null if there is nothing. */
  @Nullable Item find(List<Name> names) throws IOException {
    Item.Directory parent = walk(null, names.subList(0, names.size() - 1));
    return parent == null ? null : parent.children.get(names.getLast());
  }

  /** As {@link #find}, links at the end followed, too. */
  @Nullable Item findFollowing(List<Name> names) throws IOException {
    List<Name> at = names;
    for (int links = 0; links < MAX_LINKS; links++) {
      Item found = find(at);
      if (found == null || found.type != FileType.SYMBOLIC_LINK) {
        return found;
      }
      List<Name> next = new ArrayList<>();
      if (found.target.length > 0 && found.target[0] != '/') {
        next.addAll(at.subList(0, at.size() - 1));
      }
      next.addAll(Name.split(found.target));
      if (next.isEmpty() || next.getLast().isDotDot()) {
        return null;
      }
      at = next;
    }
    return null;
  }

  /** The directory at a path, links followed; null if there is none. */
  Item.@Nullable Directory findDirectory(List<Name> names) throws IOException {
    return walk(null, names);
  }

  private Item.Directory makeDirectory(TarEntry entry, List<Name> names) throws IOException {
    Item.Directory found = walk(entry, names);
    if (found == null) {
      throw new AssertionError("a directory for " + entry);
    }
    return found;
  }

  /** Follows a path; makes what is missing for {@code maker}, or gives null without one. */
  private Item.@Nullable Directory walk(@Nullable TarEntry maker, List<Name> names)
      throws IOException {
    Item.Directory at = tree.rootItem();
    // Most ways have no links.
    int i = 0;
    while (i < names.size() && at.children.get(names.get(i)) instanceof Item.Directory next) {
      at = next;
      i++;
    }
    return i == names.size() ? at : walkLinks(maker, names);
  }

  private Item.@Nullable Directory walkLinks(@Nullable TarEntry maker, List<Name> names)
      throws IOException {
    List<Item.Directory> way = new ArrayList<>(List.of(tree.rootItem()));
    Deque<Name> rest = new ArrayDeque<>(names);
    int links = 0;
    while (!rest.isEmpty()) {
      Name name = rest.pop();
      if (name.isDotDot()) {
        if (way.size() > 1) {
          way.removeLast();
        }
        continue;
      }
      Item.Directory at = way.getLast();
      Item next = at.children.get(name);
      if (next instanceof Item.Directory directory) {
        way.add(directory);
      } else if (next != null && next.type == FileType.SYMBOLIC_LINK && links < MAX_LINKS) {
        links++;
        if (next.target.length > 0 && next.target[0] == '/') {
          way.subList(1, way.size()).clear();
        }
        Name.split(next.target).reversed().forEach(rest::push);
      } else if (maker == null) {
        return null;
      } else if (next == null) {
        Item.Directory made = tree.makeDirectory(at);
        at.children.put(name, made);
        way.add(made);
      } else {
        throw wrong(
            maker, "'%s' on its way is a %s: expected a directory".formatted(name, next.type));
      }
    }
    return way.getLast();
  }

  CorruptDataException wrong(TarEntry entry, String why) {
    return new CorruptDataException("%s: %s: %s".formatted(archive.name(), entry, why));
  }
}
