package dev.aquifer.build;

import dev.aquifer.image.ByteNames;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Puts the data of some files before that of all others: what programs read first, and so together,
 * then lies together, and comes with few requests.
 */
final class DataOrder {
  private DataOrder() {}

  /**
   * The same tree, with the data of the files at {@code paths} first, in this order. Of a directory
   * all files below count. Paths where nothing is are told as a warning: a list may be older than
   * the tree.
   *
   * @param paths from the root, with or without {@code /} or {@code ./} at the start, as {@link
   *     ByteNames} has them
   * @param name of the tree, for the warning
   */
  static Tree of(Tree tree, List<String> paths, String name) {
    if (paths.isEmpty()) {
      return tree;
    }
    Set<Node> order = new LinkedHashSet<>();
    int missing = 0;
    String firstMissing = "";
    for (String path : paths) {
      Node node = find(tree.root(), ByteNames.toBytes(path));
      if (node == null) {
        missing++;
        firstMissing = missing == 1 ? path : firstMissing;
      } else {
        add(node, order);
      }
    }
    if (missing > 0) {
      // Not made before: it takes longer than the tree of a small image.
      System.getLogger(DataOrder.class.getName())
          .log(
              System.Logger.Level.WARNING,
              "order: %d of %d paths are not in %s, the first is %s"
                  .formatted(missing, paths.size(), name, firstMissing));
    }
    order.addAll(tree.nodes());
    return new Tree(tree.root(), tree.nodes(), List.copyOf(order), tree.xattrs(), tree.counts());
  }

  private static @Nullable Node find(Node root, byte[] path) {
    Node at = root;
    int from = 0;
    while (from < path.length) {
      int to = from;
      while (to < path.length && path[to] != '/') {
        to++;
      }
      boolean isDot = to == from + 1 && path[from] == '.';
      if (to > from && !isDot) {
        if (!(at instanceof Node.Directory directory)) {
          return null;
        }
        byte[] name = Arrays.copyOfRange(path, from, to);
        int index = Arrays.binarySearch(directory.names, name, Arrays::compareUnsigned);
        if (index < 0) {
          return null;
        }
        at = directory.children[index];
      }
      from = to + 1;
    }
    return at;
  }

  private static void add(Node node, Set<Node> order) {
    List<Node> rest = new ArrayList<>(List.of(node));
    while (!rest.isEmpty()) {
      Node next = rest.removeLast();
      order.add(next);
      if (next instanceof Node.Directory directory) {
        for (int i = directory.children.length - 1; i >= 0; i--) {
          rest.add(directory.children[i]);
        }
      }
    }
  }
}
