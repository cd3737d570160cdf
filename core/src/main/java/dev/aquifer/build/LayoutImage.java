package dev.aquifer.build;

import dev.aquifer.format.Descriptor;
import dev.aquifer.format.ImageManifest;
import dev.aquifer.io.FileSource;
import dev.aquifer.io.Sha256;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Future;

/**
 * Builds an image as an OCI image layout: {@link TreeReader} beside {@link EarlierData}, {@link
 * Chunker} and {@link BlobWriter}, {@link ImagePlan}, {@link ImageWriter}, {@link ImageChecker}, in
 * this order.
 */
final class LayoutImage {
  private final SourceTree source;
  private final List<ReuseImage> reuse;
  private final List<SourceTree> layers;
  private final BuildOptions options;
  private final LayoutOutput layout;

  /** Nobody waits for what is read of the earlier images any more. */
  private volatile boolean isEnded;

  private LayoutImage(
      SourceTree source,
      List<ReuseImage> reuse,
      List<SourceTree> layers,
      BuildOptions options,
      LayoutOutput layout) {
    this.source = source;
    this.reuse = reuse;
    this.layers = layers;
    this.options = options;
    this.layout = layout;
  }

  /** See {@link ImageBuilder#buildLayout}. */
  static BuildResult build(
      SourceTree tree,
      Path output,
      List<ReuseImage> reuse,
      List<SourceTree> layers,
      BuildOptions options)
      throws IOException {
    long start = System.nanoTime();
    options.checkApart("the image", output);
    try (LayoutOutput layout = LayoutOutput.create(output, options.force())) {
      return new LayoutImage(tree, reuse, layers, options, layout).build(start);
    }
  }

  private BuildResult build(long startNanos) throws IOException {
    WorkerPool reader = WorkerPool.start(1);
    // Beside the tree: neither says anything of the other.
    Future<EarlierData> earlier = reader.executor().submit(() -> readEarlier(reuse));
    try (Spool spool = Spool.create(OutputFile.createScratch(layout.scratch("spool")))) {
      Tree read = TreeReader.read(source, spool, options, Set.of(FileKey.of(layout.directory())));
      Tree tree = DataOrder.of(read, options, source);
      InodeDigests.add(source, tree, options.threads());
      long dataNanos = System.nanoTime();
      Placed placed = place(tree, spool, earlier);
      List<Stored> stored = placed.stored;
      int[] deviceOfBlob = new int[placed.blobs + 1];
      for (int i = 0; i < stored.size(); i++) {
        deviceOfBlob[stored.get(i).blob] = i + 1;
      }
      long metadataNanos = System.nanoTime();
      List<Device> devices = stored.stream().map(Stored::device).toList();
      Descriptor bootstrap = writeBootstrap(tree, spool, devices, deviceOfBlob);
      Descriptor manifest = writeManifest(bootstrap, stored);
      spool.close();
      long commitNanos = System.nanoTime();
      PlainCopy copy = options.plainCopy();
      List<NewFile> companions = copy == null ? List.of() : List.of(copy.take());
      Commit.together(companions, () -> layout.commit(manifest));
      long endNanos = System.nanoTime();
      return new BuildResult(
          manifest.digest(),
          bootstrap.digest(),
          bootstrap.sizeBytes(),
          stored.stream().map(Stored::result).toList(),
          tree.counts(),
          placed.bytes,
          BuildResult.Phases.ofNanos(startNanos, dataNanos, metadataNanos, commitNanos, endNanos),
          Duration.ofNanos(endNanos - startNanos));
    } finally {
      // Not by an interrupt, which would close the files of the earlier images.
      isEnded = true;
      reader.end();
    }
  }

  private EarlierData readEarlier(List<ReuseImage> images) throws IOException {
    return EarlierData.read(images, options.dedupeChunkBits(), () -> isEnded);
  }

  /**
   * Where the data of the regular files is.
   *
   * @param blobs the highest number of a blob
   */
  private record Placed(List<Stored> stored, int blobs, BuildResult.Bytes bytes) {}

  private Placed place(Tree tree, Spool spool, Future<EarlierData> reused) throws IOException {
    try (LayerBlobs blobs = LayerBlobs.build(layers, layout.scratch("layers"), options)) {
      EarlierData earlier = Waiting.on(reused);
      List<ReuseImage> images = reuse;
      if (!layers.isEmpty()) {
        images = blobs.images();
        earlier = readEarlier(images);
      }
      BuildProgress progress = blobs.rest(options.progress());
      Data data = readData(tree, spool, earlier, options.with(draft -> draft.progress = progress));
      return new Placed(
          store(data), data.reused.blobs().size(), data.count.result(images, data.reused));
    }
  }

  /** What became of the data of the regular files; {@code object} is the own blob's file. */
  private record Data(ReusedBlobs reused, DataCount count, Path object, BlobWriter.Written own) {}

  private Data readData(Tree tree, Spool spool, EarlierData earlier, BuildOptions options)
      throws IOException {
    WorkerPool workers = WorkerPool.start(options.threads());
    ExecutorService pool = workers.executor();
    // Shared, since the pool's threads fill these buffers; closed when none of them runs any more.
    Arena arena = Arena.ofShared();
    Path object = layout.scratch("object");
    try (BlobWriter blob = new BlobWriter(object, options, pool, arena)) {
      ReusedBlobs reused = earlier.blobs();
      EarlierChunks chunks = earlier.find(tree, source, options, pool, arena);
      DataCount count = new DataCount(reused.blobs().size());
      Chunker.Sizes sizes =
          new Chunker.Sizes(
              BlockSize.USUAL, options.dedupeChunkBits(), options.inlineMaxBytes(), Spacing.NONE);
      DigestIndex index = new DigestIndex();
      new Chunker(source, spool, index, blob, sizes, options, pool, arena, count, chunks).run(tree);
      return new Data(reused, count, object, blob.finish());
    } finally {
      workers.end();
      arena.close();
    }
  }

  /**
   * A blob in the layout.
   *
   * @param blob its number in chunk addresses
   * @param reusedFrom the image it comes from, or empty
   */
  private record Stored(
      int blob, Descriptor object, Sha256 id, long plainBytes, String reusedFrom) {
    Device device() {
      return new Device(id.hex(), plainBytes >>> ChunkMap.BLOCK_BITS);
    }

    BuildResult.Blob result() {
      return new BuildResult.Blob(id, object.digest(), plainBytes, object.sizeBytes(), reusedFrom);
    }
  }

  /** Puts the own blob and the reused ones that are needed into the layout, in device order. */
  private List<Stored> store(Data data) throws IOException {
    List<Stored> stored = new ArrayList<>();
    BlobWriter.Written own = data.own;
    if (own.table().plainSizeBytes() > 0) {
      stored.add(
          new Stored(
              Chunker.OWN_BLOB,
              addBlob(data.object, own),
              own.table().id(),
              own.table().plainSizeBytes(),
              ""));
    } else {
      Files.delete(data.object);
    }
    for (ReusedBlobs.Blob blob : data.reused.blobs()) {
      if (data.count.reused(blob.number()) > 0) {
        layout.addObject(blob.image().object(blob.object()), blob.object());
        stored.add(
            new Stored(
                blob.number(),
                blob.object(),
                blob.id(),
                blob.stored().sizeBytes(),
                blob.image().name()));
      }
    }
    return stored;
  }

  private Descriptor addBlob(Path object, BlobWriter.Written own) throws IOException {
    return layout.add(
        object,
        ImageManifest.BLOB_TYPE,
        own.digest(),
        own.sizeBytes(),
        Map.of(
            ImageManifest.BLOB_ID,
            own.table().id().toString(),
            ImageManifest.TAIL_OFFSET,
            Long.toString(own.tailOffset())));
  }

  private Descriptor writeBootstrap(
      Tree tree, Spool spool, List<Device> devices, int[] deviceOfBlob) throws IOException {
    if (devices.size() > ImagePlan.MAX_DEVICES) {
      throw new IOException(
          "the image would refer to %d blobs: expected at most %d; reuse fewer images"
              .formatted(devices.size(), ImagePlan.MAX_DEVICES));
    }
    ImagePlan plan = ImagePlan.of(tree, devices, options.timestamp());
    Path file = layout.scratch("bootstrap");
    Sha256 digest;
    spool.finish();
    try (OutputFile output = OutputFile.create(file)) {
      ImageWriter.write(
          plan, spool, null, deviceOfBlob, options.volumeName(), options.uuid(), output);
    }
    try (FileSource written = FileSource.open(file)) {
      digest = Sha256.hash(written);
    }
    ImageChecker.check(plan, spool, deviceOfBlob, () -> FileSource.open(file), options.threads());
    return layout.add(
        file,
        ImageManifest.BOOTSTRAP_TYPE,
        digest,
        plan.blocks() << BlockSize.USUAL.bits(),
        Map.of());
  }

  private Descriptor writeManifest(Descriptor bootstrap, List<Stored> stored) throws IOException {
    // What other tools want to see of an image; Aquifer itself does not read it.
    StringBuilder config =
        new StringBuilder(
            "{\"architecture\":\"unknown\",\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"");
    config.append(bootstrap.digest());
    List<Descriptor> objects = stored.stream().map(Stored::object).toList();
    for (Descriptor object : objects) {
      config.append("\",\"").append(object.digest());
    }
    config.append("\"]}}");
    Descriptor configObject =
        layout.add(config.toString().getBytes(StandardCharsets.UTF_8), ImageManifest.CONFIG_TYPE);
    return layout.add(
        new ImageManifest(configObject, bootstrap, objects).toJson(), ImageManifest.MEDIA_TYPE);
  }
}
