package dev.aquifer.build;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Guesses which file of an earlier image each file of the new tree was: one of its size at its
 * path, else one of its name and size. A directory that is not in its old place counts as the one
 * that the first of its files is found in.
 */
final class Twins {
  /** Is told of each guess. */
  interface Taker {
    void take(Node file, long nid) throws IOException;
  }

  /** Compared by hand: no start-up cache has what Java generates to compare records. */
  private record NameAndSize(ByteBuffer name, long sizeBytes) {
    @Override
    public boolean equals(@Nullable Object other) {
      return other instanceof NameAndSize that
          && sizeBytes == that.sizeBytes
          && name.equals(that.name);
    }

    @Override
    public int hashCode() {
      return 31 * name.hashCode() + Long.hashCode(sizeBytes);
    }
  }

  private record Found(EarlierDirectory directory, EarlierDirectory.Entry entry) {}

  private final EarlierDirectory root;
  private final int inlineMaxBytes;
  private final Taker taker;

  /** What directories of the new tree were. */
  private final IdentityHashMap<Node.Directory, EarlierDirectory> twins = new IdentityHashMap<>();

  /** The first file of each name and size; made when it is first needed. */
  private @Nullable Map<NameAndSize, Found> byName;

  private Twins(EarlierDirectory root, int inlineMaxBytes, Taker taker) {
    this.root = root;
    this.inlineMaxBytes = inlineMaxBytes;
    this.taker = taker;
  }

  /**
   * Tells {@code taker} the guesses.
   *
   * @param root the earlier image's root
   * @param inlineMaxBytes of the new image; smaller files have no chunks
   */
  static void find(Tree tree, EarlierDirectory root, int inlineMaxBytes, Taker taker)
      throws IOException {
    Twins twins = new Twins(root, inlineMaxBytes, taker);
    twins.twins.put(tree.root(), root);
    for (Node node : tree.nodes()) {
      // Parents come before what is in them.
      if (node instanceof Node.Directory directory) {
        Waiting.checkInterrupt();
        twins.find(directory);
      }
    }
  }

  private void find(Node.Directory directory) throws IOException {
    for (int i = 0; i < directory.children.length; i++) {
      Node child = directory.children[i];
      if (child.stat().isRegular() && child.sizeBytes() > inlineMaxBytes) {
        EarlierDirectory.Entry entry = find(directory, directory.names[i], child.sizeBytes());
        if (entry != null) {
          taker.take(child, entry.nid);
        }
      }
    }
    EarlierDirectory twin = twins.get(directory);
    if (twin == null) {
      return;
    }
    for (int i = 0; i < directory.children.length; i++) {
      if (directory.children[i] instanceof Node.Directory child) {
        EarlierDirectory.Entry entry = twin.find(directory.names[i]);
        if (entry != null && entry.directory != null) {
          twins.put(child, entry.directory);
        }
      }
    }
  }

  private EarlierDirectory.@Nullable Entry find(
      Node.Directory directory, byte[] name, long sizeBytes) {
    EarlierDirectory twin = twins.get(directory);
    EarlierDirectory.Entry entry = twin == null ? null : twin.find(name);
    if (entry != null && entry.directory == null && entry.sizeBytes == sizeBytes) {
      return entry;
    }
    Found found = byName().get(new NameAndSize(ByteBuffer.wrap(name), sizeBytes));
    if (found == null) {
      return null;
    }
    twins.putIfAbsent(directory, found.directory);
    return found.entry;
  }

  private Map<NameAndSize, Found> byName() {
    Map<NameAndSize, Found> known = byName;
    if (known != null) {
      return known;
    }
    Map<NameAndSize, Found> files = new HashMap<>();
    Deque<EarlierDirectory> rest = new ArrayDeque<>();
    rest.push(root);
    while (!rest.isEmpty()) {
      EarlierDirectory directory = rest.pop();
      for (EarlierDirectory.Entry entry : directory.entries()) {
        if (entry.directory != null) {
          rest.push(entry.directory);
        } else if (entry.sizeBytes > inlineMaxBytes) {
          files.putIfAbsent(
              new NameAndSize(ByteBuffer.wrap(entry.name), entry.sizeBytes),
              new Found(directory, entry));
        }
      }
    }
    byName = files;
    return files;
  }
}
