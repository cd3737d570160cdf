package dev.aquifer.build;

import dev.aquifer.codec.Compression;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Finds files that are equal to earlier ones, and parts of files that are. Batches are told in the
 * order of the tree, when their files are read, and before they are encoded. Used by one thread.
 */
final class KnownData implements BatchLine.Between<EncodeBatch> {
  /** The sizes that several files have which are encoded whole. */
  private final Set<Long> twinSizes = new HashSet<>();

  /** The index in {@link #twins} by the digest of a file. */
  private final DigestIndex twinIndex = new DigestIndex();

  /** Files that are unlike all before them. */
  private final List<Node> twins = new ArrayList<>();

  /** What clusters of a file have in common, whether its own or earlier data's. */
  private record Form(@Nullable Compression compression, int clusterBytes) {}

  private final Map<Form, SliceIndex> slices = new HashMap<>();

  private long batches;

  /**
   * Knows nothing yet.
   *
   * @param maxTwinBytes larger files have several pieces, and no twins
   */
  KnownData(Tree tree, int maxTwinBytes) {
    Set<Long> seen = new HashSet<>();
    for (Node node : tree.nodes()) {
      if (node.stat().isRegular() && node.sizeBytes() > 0 && node.sizeBytes() <= maxTwinBytes) {
        if (!seen.add(node.sizeBytes())) {
          twinSizes.add(node.sizeBytes());
        }
      }
    }
  }

  /** Whether there is another file of this size, up to the largest that may have one. */
  boolean mayHaveTwin(Node file) {
    return twinSizes.contains(file.sizeBytes());
  }

  @Override
  public void decide(EncodeBatch batch) {
    batches++;
    for (int piece = 0; piece < batch.count(); piece++) {
      if (batch.kind(piece) == EncodeBatch.TWIN
          && batch.mayBeShared(piece)
          && isKnown(batch, piece)) {
        continue;
      }
      if (batch.hasSlices(piece)) {
        Encoding encoding = batch.encoding(piece);
        Form form = new Form(encoding.compression(), encoding.clusterBytes());
        SliceIndex index = slices.computeIfAbsent(form, ignored -> new SliceIndex());
        StoredPiece target = new StoredPiece(batches);
        batch.refer(piece, target, index.add(batch.slices(), piece, target));
      }
    }
  }

  @Override
  public void goOn(EncodeBatch batch) {
    batch.encode();
  }

  private boolean isKnown(EncodeBatch batch, int piece) {
    long found = twinIndex.find(batch.fileDigests(), batch.digestAt(piece));
    if (found == DigestIndex.ABSENT) {
      twinIndex.put(batch.fileDigests(), batch.digestAt(piece), twins.size());
      twins.add(batch.node(piece));
      return false;
    }
    batch.setTwin(piece, twins.get((int) found));
    return true;
  }

  /** Whether all that the batch refers to in others is placed. */
  @Override
  public boolean isReady(EncodeBatch batch) {
    for (int piece = 0; piece < batch.count(); piece++) {
      for (Match match : batch.matches(piece)) {
        if (!match.source().isPlaced() && match.source().batch() != batches) {
          return false;
        }
      }
    }
    return true;
  }
}
