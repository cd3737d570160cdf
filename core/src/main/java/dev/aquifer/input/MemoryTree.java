package dev.aquifer.input;

import dev.aquifer.build.FileStat;
import dev.aquifer.build.Xattr;
import dev.aquifer.image.ByteNames;
import dev.aquifer.image.FileType;
import dev.aquifer.io.ByteSource;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;

/**
 * A tree that a program describes, to build an image from what is no file anywhere.
 *
 * <pre>{@code
 * MemoryTree tree = new MemoryTree("demo");
 * tree.directory("etc").permissions(0755);
 * tree.file("etc/motd", "hello\n".getBytes(StandardCharsets.UTF_8)).owner(0, 0).permissions(0644);
 * tree.symlink("etc/issue", "motd");
 * tree.hardLink("greeting", "etc/motd");
 * Path output = Path.of("images/demo");
 * BuildResult result = ImageBuilder.defaults().buildLayout(tree, output);
 * System.out.println(result.manifestDigest());
 * }</pre>
 *
 * <p>Paths have slashes between names; those at the ends count for nothing, and {@code ""} is the
 * root. Bytes that are no UTF-8 are written as {@link ByteNames} has them. Every method that makes
 * something wants its directory to be there and its name to be free, and throws {@link
 * IllegalArgumentException} otherwise. Files belong to root and are of 1970 unless they are told
 * otherwise.
 *
 * <p>Made by one thread; when it is whole, readable by many.
 */
public final class MemoryTree extends ItemTree {
  /** Makes an empty tree; {@code name} is what messages call it. */
  public MemoryTree(String name) {
    super(name);
  }

  /** Something in the tree: what there is to say of it. */
  public static final class Node {
    private final Item item;

    private Node(Item item) {
      this.item = item;
    }

    /** Sets the permission bits, those for set-uid, set-gid and sticky included. */
    public Node permissions(int bits) {
      if ((bits & ~07777) != 0) {
        throw new IllegalArgumentException(
            "permissions 0%o: expected at most 07777".formatted(bits));
      }
      item.permissions = bits;
      return this;
    }

    /** Sets user and group, 0 to 2^32-1. */
    public Node owner(long uid, long gid) {
      if (uid >>> Integer.SIZE != 0 || gid >>> Integer.SIZE != 0) {
        throw new IllegalArgumentException(
            "owner %d:%d: expected numbers of 32 bits".formatted(uid, gid));
      }
      item.uid = uid;
      item.gid = gid;
      return this;
    }

    /** Sets the modification time. */
    public Node mtime(Instant time) {
      item.mtimeSeconds = time.getEpochSecond();
      item.mtimeNanos = time.getNano();
      return this;
    }

    /** Adds an extended attribute with its full name; takes the array as it is. */
    public Node xattr(String name, byte[] value) {
      List<Xattr> more = new ArrayList<>(item.xattrs);
      more.add(Xattr.of(ByteNames.toBytes(name), value));
      item.xattrs = List.copyOf(more);
      return this;
    }
  }

  /** The root directory. */
  public Node top() {
    return new Node(rootItem());
  }

  /** Makes a directory. */
  public Node directory(String path) {
    return put(path, new Item.Directory(nextIno(), 0755));
  }

  /** Makes a regular file; takes the array as it is. */
  public Node file(String path, byte[] data) {
    return file(path, ByteSource.of(path, data));
  }

  /** Makes a regular file with all bytes of {@code data}, which stays the caller's and open. */
  public Node file(String path, ByteSource data) {
    Item item = new Item(nextIno(), FileType.REGULAR, 0644);
    item.sizeBytes = data.sizeBytes();
    item.data = data;
    return put(path, item);
  }

  /** Makes a symbolic link. */
  public Node symlink(String path, String target) {
    Item item = new Item(nextIno(), FileType.SYMBOLIC_LINK, 0777);
    item.target = ByteNames.toBytes(target);
    return put(path, item);
  }

  /** Makes a fifo or a socket. */
  public Node special(String path, FileType type) {
    if (type != FileType.FIFO && type != FileType.SOCKET) {
      throw new IllegalArgumentException(type + ": expected a fifo or a socket");
    }
    return put(path, new Item(nextIno(), type, 0644));
  }

  /** Makes a device; {@code major} has up to 12 bits and {@code minor} up to 20. */
  public Node device(String path, FileType type, int major, int minor) {
    if (!type.isDevice() || major >>> 12 != 0 || minor >>> 20 != 0) {
      throw new IllegalArgumentException(
          "%s %d:%d: expected a device with numbers of at most 12 and 20 bits"
              .formatted(type, major, minor));
    }
    Item item = new Item(nextIno(), type, 0600);
    item.rdev = FileStat.rdev(major, minor);
    return put(path, item);
  }

  /** Gives what is at {@code existing}, and no directory, another name. */
  public Node hardLink(String path, String existing) {
    Item item = find(existing);
    if (item instanceof Item.Directory) {
      throw new IllegalArgumentException("'%s' is a directory".formatted(existing));
    }
    Node node = put(path, item);
    item.nlink++;
    return node;
  }

  private Node put(String path, Item item) {
    List<Name> names = names(path);
    if (names.isEmpty()) {
      throw new IllegalArgumentException("'%s' is the root".formatted(path));
    }
    if (find(path, names.subList(0, names.size() - 1)) instanceof Item.Directory parent) {
      if (parent.children.putIfAbsent(names.getLast(), item) != null) {
        throw new IllegalArgumentException("'%s' is there already".formatted(path));
      }
      return new Node(item);
    }
    throw new IllegalArgumentException("'%s' is in no directory".formatted(path));
  }

  private Item find(String path) {
    return find(path, names(path));
  }

  private Item find(String path, List<Name> names) {
    Item at = rootItem();
    for (Name name : names) {
      Item next = at instanceof Item.Directory directory ? directory.children.get(name) : null;
      if (next == null) {
        throw new IllegalArgumentException("'%s': there is no '%s'".formatted(path, name));
      }
      at = next;
    }
    return at;
  }

  private static List<Name> names(String path) {
    List<Name> names = Name.split(ByteNames.toBytes(path));
    if (names.stream().anyMatch(Name::isDotDot)) {
      throw new IllegalArgumentException("'%s': expected no ..".formatted(path));
    }
    return names;
  }

  @Override
  public void close() {}
}
