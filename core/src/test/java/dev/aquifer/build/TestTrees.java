package dev.aquifer.build;

import dev.aquifer.image.FileType;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Random;
import java.util.Set;

/** Trees for tests. */
public final class TestTrees {
  private TestTrees() {}

  /** {@code count} bytes that don't compress; the same for the same seed. */
  public static byte[] noise(long seed, int count) {
    byte[] bytes = new byte[count];
    new Random(seed).nextBytes(bytes);
    return bytes;
  }

  /** A file; when its data is read a directory takes the place where the image was to go. */
  static MemoryTree thatTakesThePlaceOf(Path image) {
    MemoryTree tree = new MemoryTree();
    tree.file("data", noise(1, 100_000)).onOpen =
        () -> {
          try {
            Files.createDirectories(image.resolve("directory"));
          } catch (IOException e) {
            throw new UncheckedIOException(e);
          }
        };
    return tree;
  }

  /** One of each odd thing that a file system can hold. */
  public static MemoryTree odd() {
    MemoryTree tree = new MemoryTree();
    tree.at("").permissions(01775).mtime(1_234_567_890, 123_456_789);
    tree.at("").xattr("user.root", "r");
    sizes(tree);
    names(tree);
    links(tree);
    attributes(tree);
    tree.special("fifo", FileType.FIFO, 0).permissions(0640);
    tree.special("socket", FileType.SOCKET, 0);
    tree.special("null", FileType.CHARACTER_DEVICE, FileStat.rdev(1, 3)).permissions(0666);
    tree.special("whiteout", FileType.CHARACTER_DEVICE, 0).permissions(0);
    tree.special("disk", FileType.BLOCK_DEVICE, FileStat.rdev(0xabc, 0xdef12));
    MemoryTree.Item sparse = tree.sparse("sparse", (5L << 30) + 7);
    sparse.data(1L << 30, noise(20, 70_000)).data(5L << 30, noise(21, 7));
    tree.sparse("hole", 1L << 40);
    tree.file("zeros", new byte[300_000]);
    tree.file("small zeros", new byte[100]);
    return tree;
  }

  private static void sizes(MemoryTree tree) {
    int[] sizes = {
      0,
      1,
      511,
      512,
      513,
      2048,
      4000,
      4095,
      4096,
      4097,
      65535,
      65536,
      65537,
      200_000,
      1 << 20,
      (1 << 20) + 1,
      3_000_000
    };
    for (int size : sizes) {
      tree.file("size" + size, noise(size, size));
    }
    tree.file("copy", noise(3_000_000, 3_000_000));
    byte[] longer = Arrays.copyOf(noise(200_000, 200_000), 250_000);
    tree.file("beginning in common", longer);
  }

  private static void names(MemoryTree tree) {
    String[] names = {
      "!before the dot",
      "-",
      ".-",
      ".a",
      "...",
      "new\nline",
      "\u00ff\u00fe not UTF-8",
      "%41",
      "\\",
      "\u00c3\u00bc",
      "n".repeat(255),
      "\u0001"
    };
    for (String name : names) {
      tree.file(name, MemoryTree.bytes(name));
    }
    tree.directory("many");
    for (int i = 0; i < 700; i++) {
      tree.file("many/" + i + "x".repeat(i % 240), MemoryTree.bytes("" + i));
    }
    for (int i = 0; i < 50; i++) {
      tree.directory("many/d" + i);
    }
    String deep = "deep";
    tree.directory(deep);
    for (int i = 0; i < 60; i++) {
      deep += "/" + "d".repeat(100);
      tree.directory(deep);
    }
    tree.file(deep + "/at the bottom", MemoryTree.bytes("bottom"));
  }

  private static void links(MemoryTree tree) {
    tree.link("link", "size1");
    tree.link("raw link", "\u00ff/\u0001");
    for (int length : new int[] {4031, 4032, 4033, 4064, 4065, 4095}) {
      tree.link("link" + length, "t".repeat(length));
    }
    tree.directory("linked");
    tree.hardLink("linked/again", "size4097");
    tree.hardLink("linked/and again", "size4097");
    tree.hardLink("linked/inline", "size512");
    tree.hardLink("linked/link", "raw link");
  }

  private static void attributes(MemoryTree tree) {
    tree.file("owners", noise(1, 10)).owner(4_000_000_000L, 3_000_000_001L);
    tree.file("owners16", noise(1, 11)).owner(65535, 65535).permissions(07755);
    tree.file("owners17", noise(1, 12)).owner(65536, 0);
    tree.file("before 1970", noise(1, 13)).mtime(-2, 999_999_999);
    tree.file("far", noise(1, 14)).mtime(1L << 34, 1);
    tree.file("x1", noise(2, 1)).xattr("user.a", "1").xattr("security.selinux", "label\0");
    tree.file("x2", noise(2, 5000)).xattr("user.a", "1").xattr("security.selinux", "label\0");
    tree.file("x3", noise(2, 2000)).xattr("user.a", "2").xattr("user.empty", "");
    tree.directory("x4").xattr("trusted.t", "\0\u00ff").xattr("user.long", "v".repeat(9000));
    tree.link("x5", "t".repeat(200)).xattr("trusted.link", "l".repeat(4000));
    tree.file("x6", noise(2, 1500)).xattr("user.big", "w".repeat(60_000));
    tree.at("x1").xattrs.add(Xattr.of("security.capability", noise(3, 20)));
    tree.at("x4").xattrs.add(Xattr.of("system.posix_acl_access", noise(4, 28)));
    tree.at("x4").xattrs.add(Xattr.of("system.posix_acl_default", noise(5, 28)));
    MemoryTree.Item many = tree.file("x7", noise(2, 100));
    MemoryTree.Item same = tree.file("x8", noise(2, 101));
    for (int i = 0; i < 300; i++) {
      many.xattr("user.many" + i, "" + i);
      same.xattr("user.many" + i, "" + i);
    }
  }

  /** A tree of up to a few hundred files; the same for the same seed. */
  public static MemoryTree random(long seed) {
    Random random = new Random(seed);
    MemoryTree tree = new MemoryTree();
    String[] directories = new String[1 + random.nextInt(12)];
    directories[0] = "";
    Set<String> taken = new HashSet<>();
    for (int i = 1; i < directories.length; i++) {
      directories[i] = newName(random, directories[random.nextInt(i)], taken);
      vary(random, tree.directory(directories[i]));
    }
    byte[] common = noise(99, 1 << 20);
    String[] files = new String[random.nextInt(150)];
    for (int i = 0; i < files.length; i++) {
      files[i] = newName(random, directories[random.nextInt(directories.length)], taken);
      switch (random.nextInt(12)) {
        case 0 -> vary(random, tree.link(files[i], "t".repeat(1 + random.nextInt(4095))));
        case 1 -> vary(random, tree.special(files[i], FileType.FIFO, 0));
        case 2 ->
            vary(
                random,
                tree.special(files[i], FileType.BLOCK_DEVICE, random.nextInt() & 0xffff_ffffL));
        case 3 -> {
          String first = files[random.nextInt(i + 1)];
          if (first.equals(files[i])) {
            tree.file(files[i], new byte[0]);
          } else {
            tree.hardLink(files[i], first);
          }
        }
        case 4 -> vary(random, sparse(random, tree.sparse(files[i], random.nextLong(1L << 36))));
        default -> vary(random, tree.file(files[i], content(random, common)));
      }
    }
    return tree;
  }

  private static String newName(Random random, String parent, Set<String> taken) {
    String path = "";
    while (path.isEmpty() || !taken.add(path)) {
      StringBuilder name = new StringBuilder(parent.isEmpty() ? "" : parent + "/");
      int length = 1 + (random.nextInt(5) == 0 ? random.nextInt(255) : random.nextInt(12));
      for (int i = 0; i < length; i++) {
        char c = (char) (1 + random.nextInt(255));
        name.append(c == '/' ? '-' : c);
      }
      String last = name.substring(name.lastIndexOf("/") + 1);
      path = last.equals(".") || last.equals("..") ? "" : name.toString();
    }
    return path;
  }

  private static byte[] content(Random random, byte[] common) {
    int size =
        switch (random.nextInt(4)) {
          case 0 -> random.nextInt(100);
          case 1 -> random.nextInt(9000);
          case 2 -> random.nextInt(200_000);
          default -> 1 + random.nextInt(64) << 12;
        };
    return random.nextBoolean()
        ? noise(random.nextLong(), size)
        : Arrays.copyOfRange(
            common, random.nextInt(4) << 16, (random.nextInt(4) << 16) + size + (4 << 16));
  }

  private static MemoryTree.Item sparse(Random random, MemoryTree.Item item) {
    for (int i = random.nextInt(4); i > 0 && item.sizeBytes > 20_000; i--) {
      item.data(random.nextLong(item.sizeBytes - 10_000), noise(i, 1 + random.nextInt(9000)));
    }
    return item;
  }

  private static void vary(Random random, MemoryTree.Item item) {
    if (random.nextInt(3) == 0) {
      item.permissions(random.nextInt(010000));
    }
    if (random.nextInt(3) == 0) {
      item.mtime(random.nextLong(-(1L << 33), 1L << 33), random.nextInt(1_000_000_000));
    }
    if (random.nextInt(5) == 0) {
      item.owner(random.nextInt() & 0xffff_ffffL, random.nextInt(70_000));
    }
    int xattrs = random.nextInt(4) == 0 ? random.nextInt(5) : 0;
    for (int i = 0; i < xattrs; i++) {
      item.xattr("user." + i, "v".repeat(random.nextInt(3) * 50));
    }
  }
}
