package dev.aquifer.build;

import dev.aquifer.io.ByteSource;
import dev.aquifer.io.Sha256;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Builds an image in one file, with its data: {@link TreeReader}, {@link Encoder}, {@link
 * ImagePlan}, {@link ImageWriter}, {@link ImageChecker}, in this order.
 */
public final class SingleImage {
  private final SourceTree source;
  private final Encoding encoding;
  private final BuildOptions options;
  private final Elsewhere elsewhere;
  private final ImageTarget target;
  private final long gapBlocks;

  /** Where chunks go; null for the image itself. */
  private final @Nullable Blob blob;

  /** What belongs to the image, and has its name before it. */
  private final List<NewFile> companions = new ArrayList<>();

  private final @Nullable FlatDisk disk;

  /** A file for chunks and what the image calls it. */
  private record Blob(NewFile file, String tag) {}

  private SingleImage(
      SourceTree source,
      Encoding encoding,
      BuildOptions options,
      Elsewhere elsewhere,
      ImageTarget target,
      long gapBlocks,
      @Nullable Blob blob,
      @Nullable FlatDisk disk) {
    this.source = source;
    this.encoding = encoding;
    this.options = options;
    this.elsewhere = elsewhere;
    this.target = target;
    this.gapBlocks = gapBlocks;
    this.blob = blob;
    this.disk = disk;
    PlainCopy copy = options.plainCopy();
    if (copy != null) {
      companions.add(copy.take());
    }
    if (blob != null) {
      companions.add(blob.file);
    }
    if (disk != null) {
      companions.add(disk.file());
    }
  }

  /**
   * What was built.
   *
   * @param sizeBytes the size of the image
   * @param sourceBytes the sizes of all regular files, each file once
   * @param dataBytes of {@code sizeBytes}, data of regular files in whole blocks, and what lies
   *     between them to align it
   * @param packedBytes the data of the packed inode before compression
   * @param devices the tags of the device slots, which hold the rest of the data
   * @param counts what the tree holds
   * @param phases how long each part of the build took
   * @param elapsed how long it took
   */
  public record Result(
      long sizeBytes,
      long sourceBytes,
      long dataBytes,
      long packedBytes,
      List<String> devices,
      BuildResult.Counts counts,
      BuildResult.Phases phases,
      Duration elapsed) {}

  /** See {@link ImageBuilder#buildFile(SourceTree, Path)}. */
  static Result build(SourceTree tree, Path output, Encoding encoding, BuildOptions options)
      throws IOException {
    return build(tree, output, encoding, options, Elsewhere.NOTHING);
  }

  /** As the other; data that {@code elsewhere} has is referred to, and not in the image. */
  static Result build(
      SourceTree tree, Path output, Encoding encoding, BuildOptions options, Elsewhere elsewhere)
      throws IOException {
    return build(tree, output, encoding, options, elsewhere, 0);
  }

  /** As the others, with a hole of {@code gapBlocks} blocks before the data. */
  static Result build(
      SourceTree tree,
      Path output,
      Encoding encoding,
      BuildOptions options,
      Elsewhere elsewhere,
      long gapBlocks)
      throws IOException {
    long start = System.nanoTime();
    options.checkApart("the image", output);
    FlatDisk.checkDevices(options, elsewhere.devices(), encoding.block());
    try (NewFile target = NewFile.create(output, options.force(), "building");
        FlatDisk disk = FlatDisk.create(options, output, null)) {
      return new SingleImage(tree, encoding, options, elsewhere, target, gapBlocks, null, disk)
          .build(start);
    }
  }

  /** See {@link ImageBuilder#buildInMemory}. */
  static ByteSource build(SourceTree tree, Encoding encoding, BuildOptions options, long maxBytes)
      throws IOException {
    long start = System.nanoTime();
    if (options.flatDisk() != null) {
      throw new IllegalArgumentException(
          options.flatDisk().descriptor() + ": names files: expected an image in a file");
    }
    try (MemoryTarget target = new MemoryTarget(tree.name(), maxBytes)) {
      Result unused =
          new SingleImage(tree, encoding, options, Elsewhere.NOTHING, target, 0, null, null)
              .build(start);
      return target.file().open();
    }
  }

  /** See {@link ImageBuilder#buildFile(SourceTree, Path, Path, String)}. */
  static Result build(
      SourceTree tree,
      Path output,
      Path device,
      String tag,
      Encoding encoding,
      BuildOptions options)
      throws IOException {
    if (encoding.chunkBits() == 0) {
      throw new IllegalArgumentException("a device for data holds chunks: expected their size");
    }
    Commit.checkApart("the image", output, "its device", device);
    options.checkApart("the image", output);
    options.checkApart("its device", device);
    FlatDisk.checkDevices(options, List.of(), encoding.block());
    long start = System.nanoTime();
    try (NewFile target = NewFile.create(output, options.force(), "building");
        NewFile file = NewFile.create(device, options.force(), "building");
        FlatDisk disk = FlatDisk.create(options, output, device)) {
      Blob blob = new Blob(file, Device.checkTag(tag));
      return new SingleImage(tree, encoding, options, Elsewhere.NOTHING, target, 0, blob, disk)
          .build(start);
    }
  }

  private Result build(long startNanos) throws IOException {
    try (Spool spool = Spool.create(target.scratch("spool"))) {
      Tree read = TreeReader.read(source, spool, options, outputs());
      Tree tree = DataOrder.of(read, options, source);
      InodeDigests.add(source, tree, options.threads());
      tree.root().xattrs = tree.root().xattrs.withRoom(encoding.spacing().rootXattrBytes());
      place(tree);
      long dataNanos = System.nanoTime();
      try (PackedData packed =
          encoding.hasPacked()
              ? PackedData.create(target.scratch("packed"), tree.root(), packedPrefixes(tree))
              : null) {
        Data data = encoding.chunkBits() > 0 ? chunk(tree, spool) : encode(tree, spool, packed);
        long metadataNanos = System.nanoTime();
        ImagePlan plan =
            ImagePlan.of(
                tree, data.devices, options.timestamp(), data.frame, encoding, data.packedNode);
        write(plan, spool, data.mark);
        if (disk != null) {
          try (ByteSource written = target.file().open()) {
            disk.write(written, plan);
          }
        }
        long commitNanos = System.nanoTime();
        commit();
        long endNanos = System.nanoTime();
        return new Result(
            plan.blocks() << encoding.block().bits(),
            data.sourceBytes,
            data.frame.dataEndBytes() - (data.frame.dataBlock() << encoding.block().bits()),
            packed == null ? 0 : packed.sizeBytes(),
            data.devices.stream().map(Device::tag).toList(),
            tree.counts(),
            BuildResult.Phases.ofNanos(startNanos, dataNanos, metadataNanos, commitNanos, endNanos),
            Duration.ofNanos(endNanos - startNanos));
      }
    }
  }

  private Set<FileKey> outputs() throws IOException {
    Set<FileKey> outputs = new HashSet<>(Set.of(target.file().key()));
    for (NewFile companion : companions) {
      outputs.add(companion.file().key());
    }
    return outputs;
  }

  private void commit() throws IOException {
    if (!companions.isEmpty()) {
      // What takes long, or finds a disk full, comes before the first of all has its name.
      target.file().sync();
    }
    Commit.together(companions, target);
  }

  private void place(Tree tree) throws IOException {
    if (elsewhere == Elsewhere.NOTHING) {
      return;
    }
    for (Node node : tree.nodes()) {
      Waiting.checkInterrupt();
      if (node.stat().isRegular() && node.sizeBytes() > 0) {
        elsewhere.place(node);
      }
    }
  }

  /** Where the data of all regular files is. */
  private record Data(
      long sourceBytes,
      Frame frame,
      List<Device> devices,
      @Nullable Node packedNode,
      Sha256 mark) {}

  private byte[] packedPrefixes(Tree tree) {
    return encoding.packsPrefixes() ? tree.xattrs().prefixes().records() : new byte[0];
  }

  private Frame frame(Tree tree, int devices, long dataBlocks) {
    int prefixBytes = ImagePlan.headPrefixes(tree, encoding).length;
    return Frame.single(encoding, prefixBytes, devices, dataBlocks);
  }

  private Data encode(Tree tree, Spool spool, @Nullable PackedData packed) throws IOException {
    List<Device> devices = elsewhere.devices();
    long firstBlock = frame(tree, devices.size(), 0).dataBlock();
    WorkerPool pool = WorkerPool.start(options.threads());
    // Shared, since the pool's threads fill these buffers; closed when none of them runs any more.
    Arena arena = Arena.ofShared();
    Encoder encoder =
        new Encoder(
            source,
            spool,
            encoding,
            pool.executor(),
            options.threads(),
            arena,
            target.file(),
            firstBlock + gapBlocks,
            packed);
    try {
      encoder.run(tree, options.progress());
      if (packed != null && encoding.compressedDirectories()) {
        packDirectories(tree, packed, frame(tree, devices.size(), encoder.endBlock() - firstBlock));
      }
      Node packedNode = encoder.runPacked();
      Frame frame = frame(tree, devices.size(), encoder.endBlock() - firstBlock);
      if (encoding.compressedDirectories() && frame.isFar()) {
        throw new IOException(
            "an image of more than %d blocks of %d bytes with compressed directories: expected fewer, larger blocks, or no --zD"
                .formatted(Integer.MAX_VALUE, encoding.block().bytes()));
      }
      return new Data(encoder.sourceBytes(), frame, devices, packedNode, encoder.mark());
    } finally {
      pool.end();
      encoder.close();
      arena.close();
    }
  }

  /**
   * Makes directories fragments. Nids count from the inodes' start, wherever that will be, so they
   * are the same in this plan, which is for them alone, and in that of the image.
   */
  private void packDirectories(Tree tree, PackedData packed, Frame frame) throws IOException {
    ImagePlan.of(tree, elsewhere.devices(), options.timestamp(), frame, encoding, packed.node())
        .packDirectories(packed);
  }

  private Data chunk(Tree tree, Spool spool) throws IOException {
    BlockSize block = encoding.block();
    long firstBlock = blob == null ? frame(tree, 0, 0).dataBlock() : 0;
    OutputFile file = blob == null ? target.file() : blob.file.file();
    ChunkFile chunks = new ChunkFile(file, block, firstBlock + gapBlocks, encoding.maxBlocks());
    DataCount count = new DataCount(0);
    WorkerPool pool = WorkerPool.start(options.threads());
    Arena arena = Arena.ofShared();
    try {
      new Chunker(
              source,
              spool,
              new DigestIndex(),
              chunks,
              new Chunker.Sizes(block, encoding.chunkBits(), 0, encoding.spacing()),
              options,
              pool.executor(),
              arena,
              count,
              ChunkBatch.Finder.NOTHING)
          .run(tree);
      if (chunks.nextBlock() == 0) {
        // No device has no blocks.
        long unused = chunks.append(arena.allocate(block.bytes()));
      }
    } finally {
      pool.end();
      arena.close();
    }
    long blocks = chunks.nextBlock() - firstBlock;
    List<Device> devices = blob == null ? List.of() : List.of(new Device(blob.tag, blocks));
    Frame frame = frame(tree, devices.size(), blob == null ? blocks : 0);
    return new Data(count.source, frame, devices, null, chunks.mark());
  }

  private void write(ImagePlan plan, Spool spool, Sha256 data) throws IOException {
    // Blobs in chunk addresses are devices, but for the own one.
    int[] deviceOfBlob =
        blob == null
            ? IntStream.rangeClosed(0, elsewhere.devices().size()).toArray()
            : new int[] {1};
    spool.finish();
    Sha256 all = data;
    if (plan.hasMetabox()) {
      all = ImageWriter.both(all, addMetabox(plan, spool, deviceOfBlob));
    }
    ImageWriter.write(
        plan, spool, all, deviceOfBlob, options.volumeName(), options.uuid(), target.file());
    target.file().beginSync();
    if (blob != null) {
      blob.file.file().beginSync();
    }
    ImageChecker.check(plan, spool, deviceOfBlob, target.file()::open, options.threads());
  }

  /** Writes the metabox behind all else that was planned; returns its mark. */
  private Sha256 addMetabox(ImagePlan plan, Spool spool, int[] deviceOfBlob) throws IOException {
    try (PackedData metabox =
        PackedData.create(target.scratch("metabox"), plan.tree().root(), new byte[0])) {
      ImageWriter.writeMetabox(plan, spool, deviceOfBlob, metabox);
      WorkerPool pool = WorkerPool.start(options.threads());
      Arena arena = Arena.ofShared();
      Encoder encoder =
          new Encoder(
              source,
              spool,
              encoding.ofMetabox(),
              pool.executor(),
              options.threads(),
              arena,
              target.file(),
              plan.usedBlocks(),
              metabox);
      try {
        plan.placeMetabox(Objects.requireNonNull(encoder.runPacked()), encoder.endBlock());
        return encoder.mark();
      } finally {
        pool.end();
        encoder.close();
        arena.close();
      }
    }
  }
}
