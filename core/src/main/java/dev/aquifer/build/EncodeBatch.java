package dev.aquifer.build;

import dev.aquifer.codec.Algorithm;
import dev.aquifer.codec.Compression;
import dev.aquifer.codec.Compressor;
import dev.aquifer.codec.Fitted;
import dev.aquifer.io.Sha256;
import java.io.Closeable;
import java.lang.foreign.MemorySegment;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Pieces of files that are encoded as they will lie in the image: as physical clusters, or, where
 * that saves nothing, in plain blocks. What it makes of all of them lies side by side in one
 * buffer.
 */
final class EncodeBatch extends Batch implements Closeable {
  /** A whole file. */
  static final int WHOLE = 0;

  /** A part of a larger file, whole blocks, and not its end. */
  static final int PART = 1;

  /** The end of a larger file. */
  static final int LAST = 2;

  /** A chunk of a file that is mostly holes; stays as it is. */
  static final int CHUNK = 3;

  /** A whole file that may be equal to another one, and so gets a digest. */
  static final int TWIN = 4;

  /** What lies behind inodes is no longer than this. */
  private static final int MAX_INLINE_BYTES = 4096;

  /** A header and an index entry: what a file with clusters needs that a plain one doesn't. */
  private static final int MAP_BYTES = 16;

  /** An index can't tell a longer way back to a head. */
  private static final int MAX_CLUSTER_BLOCKS = 2047;

  /** After so many blocks that could not be compressed, more and more are not tried. */
  private static final int PATIENCE = 4;

  private static final int MAX_SKIPPED_BLOCKS = 8;

  /** What there is to choose from for each file, and the rules for it. */
  private final List<Encoding> choices;

  private final Encoding all;
  private final BlockSize block;

  /** Of each choice, if it has one and was chosen once. */
  private final @Nullable Compressor[] compressors;

  /** Which choice is that of a piece. */
  private final int[] choice = new int[MAX_PIECES];

  /** How the piece that is worked on is encoded. */
  private Encoding encoding;

  /** What is to be stored; in whole blocks, unless clusters lie byte by byte. */
  private final MemorySegment stored;

  /** What of the pieces may be equal to other data; null if that is not asked. */
  private final @Nullable Slices slices;

  private final @Nullable Node[] twins = new Node[MAX_PIECES];
  private final @Nullable StoredPiece[] storedPieces = new StoredPiece[MAX_PIECES];
  private final List<List<Match>> matches = new ArrayList<>();

  /** Where a stream is made that may lie inline. */
  private final MemorySegment inline;

  private final int[] storedEnd = new int[MAX_PIECES + 1];
  private final boolean[] isFlat = new boolean[MAX_PIECES];
  private final int[] fragmentFrom = new int[MAX_PIECES];
  private final int[] inlineEnd = new int[MAX_PIECES + 1];
  private final int[] clustersEnd = new int[MAX_PIECES + 1];
  private final long[] fileDigests = new long[MAX_PIECES * DigestIndex.DIGEST_LONGS];
  private final long[] fragmentDigests = new long[MAX_PIECES * DigestIndex.DIGEST_LONGS];
  private final PieceClusters clusters = new PieceClusters();
  private long checksum;

  private int used;
  private int inlineUsed;

  /**
   * An empty batch.
   *
   * @param source opens the files
   * @param buffer where files are read to
   * @param stored as long, for what is made of them
   * @param inline for streams that lie inline; empty if none may
   * @param slices finds what is equal to other data, before {@link #encode} is called; null to have
   *     all encoded at once
   */
  EncodeBatch(
      Source source,
      Encoding encoding,
      MemorySegment buffer,
      MemorySegment stored,
      MemorySegment inline,
      @Nullable Slices slices) {
    super(source, encoding.block(), buffer);
    this.all = encoding;
    this.choices = encoding.choices();
    this.encoding = choices.getLast();
    this.block = encoding.block();
    this.compressors = new Compressor[choices.size()];
    this.stored = stored;
    this.inline = inline;
    this.slices = slices;
  }

  /** How much room for inline streams a batch needs. */
  static long inlineBytes(Encoding encoding) {
    return encoding.mayInlineTails() ? (long) MAX_PIECES * maxInline(encoding.block()) : 0;
  }

  private static int maxInline(BlockSize block) {
    return Math.min(Slots.maxTailBytes(block), MAX_INLINE_BYTES);
  }

  @Override
  void work() {
    for (int i = 0; i < count(); i++) {
      boolean isSame = i > 0 && node(i) == node(i - 1);
      choice[i] = isSame ? choice[i - 1] : all.choice(node(i).entry);
    }
    matches.clear();
    if (slices == null) {
      encode();
      return;
    }
    slices.clear();
    for (int i = 0; i < count(); i++) {
      twins[i] = null;
      storedPieces[i] = null;
      matches.add(List.of());
      if (kind(i) == TWIN) {
        DigestIndex.toLongs(hash(bytes(i)), fileDigests, digestAt(i));
        // Equal files that are encoded differently are not equal here.
        fileDigests[digestAt(i)] += choice[i];
      }
      slices.add(hasClusters(i) ? bytes(i) : bytes(i).asSlice(0, 0));
    }
  }

  /** Whether it is worth looking for equal data: not in what goes to the packed inode. */
  private boolean hasClusters(int piece) {
    Encoding chosen = encoding(piece);
    int least =
        switch (chosen.fragments()) {
          case NONE -> block.bytes();
          case TAILS -> isEnd(piece) ? chosen.clusterBytes() : block.bytes();
          case ALL -> isEnd(piece) ? Integer.MAX_VALUE : block.bytes();
        };
    return chosen.compression() != null && kind(piece) != CHUNK && lengthBytes(piece) > least;
  }

  /** The slices of all pieces, after the batch was read. */
  Slices slices() {
    return Objects.requireNonNull(slices);
  }

  boolean hasSlices(int piece) {
    return slices().first(piece) < slices().first(piece + 1);
  }

  /** Says that a whole file is equal to an earlier one, and need not be encoded. */
  void setTwin(int piece, Node twin) {
    twins[piece] = twin;
  }

  /** The earlier file that a piece is equal to; null for none. */
  @Nullable Node twin(int piece) {
    return twins[piece];
  }

  /**
   * Says what of a piece is equal to earlier data.
   *
   * @param target is told where the piece is stored
   */
  void refer(int piece, StoredPiece target, List<Match> found) {
    storedPieces[piece] = target;
    matches.set(piece, found);
  }

  List<Match> matches(int piece) {
    return matches.get(piece);
  }

  /** Encodes what was read. */
  void encode() {
    used = 0;
    inlineUsed = 0;
    clusters.truncate(0);
    for (int i = 0; i < count(); i++) {
      fragmentFrom[i] = -1;
      encoding = encoding(i);
      Compressor compressor = compressor(choice[i]);
      isFlat[i] = compressor == null || kind(i) == CHUNK;
      if (twins[i] != null) {
        isFlat[i] = true;
      } else if (compressor == null || isFlat[i]) {
        storeFlat(i);
      } else {
        encode(compressor, i);
      }
      storedEnd[i + 1] = used;
      inlineEnd[i + 1] = inlineUsed;
      clustersEnd[i + 1] = clusters.count();
    }
    checksum = ContentMark.checksum(stored.asSlice(0, used));
    for (int i = 0; i < count(); i++) {
      MemorySegment fragment = fragment(i);
      if (fragment != null) {
        DigestIndex.toLongs(hash(fragment), fragmentDigests, digestAt(i));
      }
    }
  }

  private @Nullable Compressor compressor(int number) {
    Compression compression = choices.get(number).compression();
    if (compressors[number] == null && compression != null) {
      compressors[number] = compression.open(all.maxClusterBytes());
    }
    return compressors[number];
  }

  private static byte[] hash(MemorySegment bytes) {
    MessageDigest sha256 = Sha256.newDigest();
    Sha256.update(sha256, bytes);
    return sha256.digest();
  }

  /** Whole blocks alone; what is left of a file is {@link #tail}. */
  private void storeFlat(int piece) {
    long length = blocks(piece).byteSize() - (tailBytes(piece) > 0 ? block.bytes() : 0);
    MemorySegment.copy(blocks(piece), 0, stored, used, length);
    used += (int) length;
  }

  /** What of a flat piece is to lie inline. */
  private int tailBytes(int piece) {
    int tail = block.tail(lengthBytes(piece));
    boolean mayBeInline = kind(piece) != CHUNK && all.inlineData();
    return mayBeInline && tail <= Slots.maxTailBytes(block) ? tail : 0;
  }

  private boolean isWhole(int piece) {
    return kind(piece) == WHOLE || kind(piece) == TWIN;
  }

  /** Clusters may be of several files, blocks of flat files may not. */
  private boolean mayBeFlat(int piece) {
    return kind(piece) == WHOLE || kind(piece) == TWIN && lengthBytes(piece) == tailBytes(piece);
  }

  /** Whether what is stored of a whole file may be that of equal ones, too. */
  boolean mayBeShared(int piece) {
    return encoding(piece).compression() != null || mayBeFlat(piece);
  }

  /** How a piece is encoded, after the batch was read. */
  Encoding encoding(int piece) {
    return choices.get(choice[piece]);
  }

  /** By what the clusters of a piece that is not flat are encoded. */
  Algorithm algorithm(int piece) {
    return encoding(piece).algorithm();
  }

  private boolean isEnd(int piece) {
    return isWhole(piece) || kind(piece) == LAST;
  }

  private void encode(Compressor compressor, int piece) {
    MemorySegment data = bytes(piece);
    compressor.start(data);
    int length = (int) data.byteSize();
    boolean isEnd = isEnd(piece);
    StoredPiece target = storedPieces[piece];
    References known =
        target == null ? null : new References(matches(piece), target, length, encoding);
    boolean isBehindReference = false;
    // What is stored never gets ahead of what was read. No more, since how large the buffer is
    // depends on the count of threads.
    int room = (int) block.roundUp(length);
    int failures = 0;
    int at = 0;
    while (at < length) {
      Reference next = known == null ? null : known.next(at, isBehindReference);
      isBehindReference = next != null && next.start() == at;
      if (target != null && next != null && isBehindReference) {
        addReference(next, target);
        at += next.lengthBytes();
        failures = 0;
        continue;
      }
      int end = next == null ? length : next.start();
      int left = end - at;
      boolean isLast = isEnd && end == length;
      if (isLast && isFragment(left)) {
        addFragment(piece, at);
        break;
      }
      boolean mayBeInline = isLast && encoding.mayInlineTails();
      Fitted fitted = Fitted.NOTHING;
      if (left > block.bytes() || mayBeInline || isWithin(at, end, length)) {
        fitted = compress(compressor, at, end, storedEnd[piece] + room);
      }
      if (isLast
          && encoding.fragments() == Encoding.Fragments.TAILS
          && fitted.consumedBytes() == left
          && fitted.streamBytes() < encoding.clusterBytes()) {
        // It would not fill its cluster.
        addFragment(piece, at);
        break;
      }
      if (mayBeInline && addInline(data, at, left, fitted)) {
        break;
      }
      int storedBytes = storedBytes(fitted);
      if (fitted.consumedBytes() > storedBytes) {
        store(fitted, storedBytes);
        clusters.add(at, storedBytes, true);
        noteStored(piece, at, fitted.consumedBytes(), storedBytes, true);
        at += fitted.consumedBytes();
        failures = 0;
        continue;
      }
      failures++;
      int skip = Math.clamp(failures / PATIENCE, 1, MAX_SKIPPED_BLOCKS);
      // Where a reference comes, the last block is left to the next round, which may drop it.
      int stop = end == length ? length : Math.max(at + 1, end - block.bytes());
      for (int i = 0; i < skip && at < stop; i++) {
        int before = used;
        int step = storePlain(data, at, end);
        noteStored(piece, at, step, used - before, false);
        at += step;
      }
    }
    if (mayBeFlat(piece) && fragmentFrom[piece] < 0 && isLarger(piece, length)) {
      used = storedEnd[piece];
      inlineUsed = inlineEnd[piece];
      clusters.truncate(clustersEnd[piece]);
      isFlat[piece] = true;
      storeFlat(piece);
      if (target != null) {
        target.setFlat(length - tailBytes(piece), block);
      }
    }
  }

  private void addReference(Reference reference, StoredPiece target) {
    clusters.add(reference);
    target.add(reference);
  }

  /** Tells the stored piece of the cluster stored last. */
  private void noteStored(int piece, int start, int length, int storedBytes, boolean encoded) {
    StoredPiece target = storedPieces[piece];
    if (target != null) {
      int position = used - storedEnd[piece] - storedBytes;
      target.add(start, length, position, storedBytes, encoded);
    }
  }

  /** Whether it is worth a stream that there is less than a block: not with all of a file. */
  private boolean isWithin(int start, int end, int length) {
    return encoding.isBytewise() && (start > 0 || end < length);
  }

  private void addFragment(int piece, int at) {
    fragmentFrom[piece] = at;
    clusters.add(at, 0, true);
  }

  private boolean isFragment(int left) {
    return switch (encoding.fragments()) {
      case NONE -> false;
      case TAILS -> left <= encoding.clusterBytes();
      case ALL -> true;
    };
  }

  private boolean isLarger(int piece, int length) {
    int inlined = inlineUsed - inlineEnd[piece];
    return used - storedEnd[piece] + inlined + MAP_BYTES >= length;
  }

  /** Makes a stream at the end of what is stored, and before {@code storedLimit}. */
  private Fitted compress(Compressor compressor, int at, int end, int storedLimit) {
    int left = end - at;
    int length = Math.min(left, encoding.extentBytes());
    if (encoding.hasEvenExtents()) {
      Fitted fitted = compressor.compress(at, at + length, stored.asSlice(used, length));
      return fitted.consumedBytes() == length ? fitted : Fitted.NOTHING;
    }
    long most = Math.min(encoding.clusterBytes(), block.roundUp(left));
    if (encoding.isBytewise()) {
      most = Math.min(most, storedLimit - used);
    } else {
      length = (int) Math.min(length, (long) MAX_CLUSTER_BLOCKS << block.bits());
    }
    return compressor.compress(at, at + length, stored.asSlice(used, most));
  }

  /** How much of the image a stream takes. */
  private int storedBytes(Fitted fitted) {
    return encoding.isBytewise() ? fitted.streamBytes() : (int) block.roundUp(fitted.streamBytes());
  }

  /** Moves the stream to the end of its blocks. */
  private void store(Fitted fitted, int storedBytes) {
    int padding = storedBytes - fitted.streamBytes();
    if (padding > 0) {
      MemorySegment.copy(stored, used, stored, used + padding, fitted.streamBytes());
      stored.asSlice(used, padding).fill((byte) 0);
    }
    used += storedBytes;
  }

  private int storePlain(MemorySegment data, int at, int end) {
    int most = encoding.hasEvenExtents() ? encoding.extentBytes() : block.bytes();
    int length = Math.min(most, end - at);
    int storedBytes = encoding.isBytewise() ? length : block.bytes();
    clusters.add(at, storedBytes, false);
    MemorySegment.copy(data, at, stored, used, length);
    stored.asSlice(used + length, storedBytes - length).fill((byte) 0);
    used += storedBytes;
    return length;
  }

  /** Puts the end of a file aside to lie inline, as a stream or as it is, if it is short. */
  private boolean addInline(MemorySegment data, int at, int left, Fitted fitted) {
    if (fitted.consumedBytes() == left && fitted.streamBytes() <= maxInline(block)) {
      MemorySegment.copy(stored, used, inline, inlineUsed, fitted.streamBytes());
      inlineUsed += fitted.streamBytes();
      clusters.add(at, 0, true);
      return true;
    }
    if (left <= maxInline(block)) {
      MemorySegment.copy(data, at, inline, inlineUsed, left);
      inlineUsed += left;
      clusters.add(at, 0, false);
      return true;
    }
    return false;
  }

  /** What is to be stored of all pieces. */
  MemorySegment stored() {
    return stored.asSlice(0, used);
  }

  /** The {@link ContentMark#checksum} of {@link #stored}. */
  long checksum() {
    return checksum;
  }

  /** How much of {@link #stored} is of a piece. */
  int storedBytes(int piece) {
    return storedEnd[piece + 1] - storedEnd[piece];
  }

  /** Whether what is stored of a piece has to begin with a block of the image. */
  boolean needsBlocks(int piece) {
    return !encoding(piece).isBytewise()
        || isFlat(piece)
        || kind(piece) == PART && positionBytes(piece) == 0;
  }

  /** Whether a piece is stored as it is, all of it but {@link #tail}. */
  boolean isFlat(int piece) {
    return isFlat[piece];
  }

  /** What of a flat piece is not among its blocks, and lies inline. */
  MemorySegment tail(int piece) {
    int tail = tailBytes(piece);
    return bytes(piece).asSlice(lengthBytes(piece) - (long) tail, tail);
  }

  /** What of a piece lies inline. */
  MemorySegment inline(int piece) {
    return inline.asSlice(inlineEnd[piece], inlineEnd[piece + 1] - inlineEnd[piece]);
  }

  /** The end of a piece that goes to the packed inode; null for none. */
  @Nullable MemorySegment fragment(int piece) {
    return fragmentFrom[piece] < 0 ? null : bytes(piece).asSlice(fragmentFrom[piece]);
  }

  /** The digests of files that may be equal to others; that of {@code piece} starts there. */
  long[] fileDigests() {
    return fileDigests;
  }

  /** The digests of all fragments; that of {@code piece} starts at {@link #digestAt}. */
  long[] fragmentDigests() {
    return fragmentDigests;
  }

  int digestAt(int piece) {
    return piece * DigestIndex.DIGEST_LONGS;
  }

  int clusterCount(int piece) {
    return clustersEnd[piece + 1] - clustersEnd[piece];
  }

  /** Adds the clusters of a piece to those of its file. */
  void addClusters(int piece, Clusters target) {
    clusters.addTo(target, clustersEnd[piece], clustersEnd[piece + 1], positionBytes(piece));
  }

  /** Says where what is stored of a piece is in the image. */
  void setPlaced(int piece, long positionBytes) {
    StoredPiece target = storedPieces[piece];
    if (target != null) {
      target.place(positionBytes);
    }
  }

  @Override
  public void close() {
    for (Compressor compressor : compressors) {
      if (compressor != null) {
        compressor.close();
      }
    }
  }
}
