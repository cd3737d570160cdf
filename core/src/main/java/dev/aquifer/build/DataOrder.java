package dev.aquifer.build;

import dev.aquifer.image.ByteNames;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * In which order the data of files lies: that of the tree or that of its source, but for some that
 * come first. What programs read first, and so together, then lies together, and comes with few
 * requests.
 */
final class DataOrder {
  private final Tree tree;
  private final boolean isOfSource;
  private final SourceTree source;

  private DataOrder(Tree tree, BuildOptions options, SourceTree source) {
    this.tree = tree;
    this.isOfSource = options.sourceOrder();
    this.source = source;
  }

  /**
   * The same tree, with its data in the order that {@code options} ask for. Of a directory that is
   * listed all files below come first. Paths where nothing is are told as a warning: a list may be
   * older than the tree.
   *
   * @param source what the tree was read from
   * @throws IllegalArgumentException if the source's order is wanted and it has none
   */
  static Tree of(Tree tree, BuildOptions options, SourceTree source) {
    if (options.order().isEmpty() && !options.sourceOrder()) {
      return tree;
    }
    DataOrder order = new DataOrder(tree, options, source);
    Set<Node> nodes = order.listed(options.order());
    nodes.addAll(order.sorted(tree.nodes()));
    return new Tree(tree.root(), tree.nodes(), List.copyOf(nodes), tree.xattrs(), tree.counts());
  }

  /** {@code nodes}, which are as in the tree, as their data shall lie if none comes first. */
  private List<Node> sorted(List<Node> nodes) {
    if (!isOfSource) {
      return nodes;
    }
    record Ranked(long rank, Node node) {}
    List<Ranked> files = new ArrayList<>();
    List<Node> sorted = new ArrayList<>(nodes.size());
    for (Node node : nodes) {
      if (!node.stat().isRegular()) {
        sorted.add(node);
        continue;
      }
      long rank = source.rank(node.entry);
      if (rank < 0) {
        throw new IllegalArgumentException(
            source.name()
                + ": has its files in no order of its own: expected a tar archive or a container image, or --sort=path");
      }
      files.add(new Ranked(rank, node));
    }
    // Names of what was one file in the source stay as they are in the tree.
    files.sort(Comparator.comparingLong(Ranked::rank));
    files.forEach(file -> sorted.add(file.node));
    return sorted;
  }

  /**
   * What comes first.
   *
   * @param paths from the root, with or without {@code /} or {@code ./} at the start, as {@link
   *     ByteNames} has them
   */
  private Set<Node> listed(List<String> paths) {
    Set<Node> order = new LinkedHashSet<>();
    int missing = 0;
    String firstMissing = "";
    for (String path : paths) {
      Node node = find(tree.root(), ByteNames.toBytes(path));
      if (node == null) {
        missing++;
        firstMissing = missing == 1 ? path : firstMissing;
      } else {
        order.addAll(sorted(withAllBelow(node)));
      }
    }
    if (missing > 0) {
      // Not made before: it takes longer than the tree of a small image.
      System.getLogger(DataOrder.class.getName())
          .log(
              System.Logger.Level.WARNING,
              "order: %d of %d paths are not in %s, the first is %s"
                  .formatted(missing, paths.size(), source.name(), firstMissing));
    }
    return order;
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

  private static List<Node> withAllBelow(Node node) {
    List<Node> all = new ArrayList<>();
    List<Node> rest = new ArrayList<>(List.of(node));
    while (!rest.isEmpty()) {
      Node next = rest.removeLast();
      all.add(next);
      if (next instanceof Node.Directory directory) {
        for (int i = directory.children.length - 1; i >= 0; i--) {
          rest.add(directory.children[i]);
        }
      }
    }
    return all;
  }
}
