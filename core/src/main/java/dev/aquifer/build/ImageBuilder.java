package dev.aquifer.build;

import dev.aquifer.io.ByteSource;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Builds images: says how, and then of what, in which form, and where it goes.
 *
 * <pre>{@code
 * MemoryTree tree = new MemoryTree("demo");
 * tree.file("motd", "hello\n".getBytes(StandardCharsets.UTF_8));
 * ImageBuilder builder = ImageBuilder.defaults().timestamp(Instant.EPOCH).threads(4);
 * BuildResult first =
 *     builder
 *         .progress((done, total) -> System.err.println(done + " of " + total + " bytes"))
 *         .buildLayout(tree, Path.of("images/first"));
 * System.out.println(first.manifestDigest());
 * try (ReuseImage earlier = ReuseImage.open(Path.of("images/first"))) {
 *   builder.reuse(List.of(earlier)).buildLayout(tree, Path.of("images/second"));
 * }
 * Encoding zstd = Encoding.compressed(Compression.parse("zstd")).withClusterBytes(65536);
 * builder.encoding(zstd).buildFile(tree, Path.of("images/demo.erofs"));
 * Image image = Image.open(builder.encoding(zstd).buildInMemory(tree));
 * System.out.write(image.open(image.lookup("motd")).readBytes(0, 6));
 * }</pre>
 *
 * <p>Trees are directories ({@link NioTree}), other images ({@link ImageTree}), and what is in the
 * package {@code dev.aquifer.input}: archives, layers, and {@link dev.aquifer.input.MemoryTree},
 * which a program describes.
 *
 * <p>Immutable: each method that says something gives another builder, and any thread may use one.
 * The same tree and settings give the same bytes, however many threads there are. Trees and images
 * that are given stay open and the caller's.
 *
 * <p>All is written under hidden names beside the output, and takes its name when it is whole and
 * on the disk. Who wants a build to end interrupts the thread that builds: it then throws an {@link
 * IOException}, keeps its interrupt status, and nothing is left, which also holds after every other
 * error. Signals are the caller's: who wants nothing left after one interrupts that thread and
 * waits until it returns.
 *
 * <p>Every building method throws {@link dev.aquifer.io.RefusedException} (EEXIST), if there is
 * something at the output, and {@link IOException} if the tree can't be read, changes meanwhile,
 * can't be represented, or the output can't be written; its message is one line that names the
 * file. A setting out of its range, or one that does not go with the others, is an {@link
 * IllegalArgumentException}, where it is said or when the build begins.
 */
public final class ImageBuilder {
  /** The name of attributes with digests that mkfs.erofs has, too; nobody sees them. */
  public static final String INODE_DIGEST = "erofs.fingerprint.v1";

  private static final ImageBuilder DEFAULTS =
      new ImageBuilder(BuildOptions.defaults(), Encoding.plain(), List.of(), List.of());

  private final BuildOptions options;
  private final Encoding encoding;
  private final List<ReuseImage> reuse;
  private final List<SourceTree> layers;

  private ImageBuilder(
      BuildOptions options, Encoding encoding, List<ReuseImage> reuse, List<SourceTree> layers) {
    this.options = options;
    this.encoding = encoding;
    this.reuse = reuse;
    this.layers = layers;
  }

  /** A builder with what is usual; docs/decisions/0004-build-defaults.md says where it is from. */
  public static ImageBuilder defaults() {
    return DEFAULTS;
  }

  private ImageBuilder with(Consumer<BuildOptions.Draft> change) {
    return new ImageBuilder(options.with(change), encoding, reuse, layers);
  }

  /** How many threads read, hash and compress: 1 to 256; by default one for each processor. */
  public ImageBuilder threads(int count) {
    return with(draft -> draft.threads = count);
  }

  /** The count of {@link #threads(int)}. */
  public int threads() {
    return options.threads();
  }

  /** Who is told how far the build has come. */
  public ImageBuilder progress(BuildProgress listener) {
    return with(draft -> draft.progress = listener);
  }

  /** Whether an image at the output is replaced: an image layout, or a regular file. */
  public ImageBuilder force(boolean isForced) {
    return with(draft -> draft.force = isForced);
  }

  /** The modification time that all files get; null for their own, as is usual. */
  public ImageBuilder timestamp(@Nullable Instant time) {
    return with(draft -> draft.timestamp = time);
  }

  /** The file system's UUID; null, as is usual, to derive it from the content. */
  public ImageBuilder uuid(@Nullable UUID uuid) {
    return with(draft -> draft.uuid = uuid);
  }

  /** The volume's name: up to 15 bytes of UTF-8, usually none. */
  public ImageBuilder volumeName(String name) {
    return with(draft -> draft.volumeName = name);
  }

  /** Whether extended attributes are taken over, as is usual. */
  public ImageBuilder xattrs(boolean areTaken) {
    return with(draft -> draft.xattrs = areTaken);
  }

  /**
   * Beginnings of names of extended attributes that are stored once, and not with each: up to 128
   * in {@code user.}, {@code trusted.} and {@code security.}
   */
  public ImageBuilder xattrPrefixes(List<String> prefixes) {
    return with(draft -> draft.xattrPrefixes = prefixes);
  }

  /**
   * The name of an attribute with the SHA-256 of each file's data, by which Linux 7.0 keeps equal
   * files of several images in memory once; null for none, as is usual, {@link #INODE_DIGEST} by
   * convention.
   */
  public ImageBuilder inodeDigest(@Nullable String name) {
    return with(draft -> draft.inodeDigest = name);
  }

  /**
   * Paths from the root whose data shall lie first, in this order, as {@link
   * dev.aquifer.image.ByteNames} has them; all below of directories.
   */
  public ImageBuilder order(List<String> paths) {
    return with(draft -> draft.order = paths);
  }

  /**
   * Whether data lies as the tree's source has it, in {@link SourceTree#rank the order} of an
   * archive or of layers, and of a {@link dev.aquifer.input.MemoryTree} as it was described; else,
   * as is usual, by directories and the names in them. What {@link #order(List)} names comes first
   * all the same. Metadata, directories among it, is not concerned. A tree that knows of no such
   * order is an {@link IllegalArgumentException} when the build begins.
   */
  public ImageBuilder sourceOrder(boolean isWanted) {
    return with(draft -> draft.sourceOrder = isWanted);
  }

  /**
   * The plain copy of the archive that the tree is read from: it gets its name just before the
   * image has its own, and neither is there without the other. It stays the caller's, who closes
   * it; one image can be built with it. Null, as is usual, for none.
   */
  public ImageBuilder plainCopy(@Nullable PlainCopy copy) {
    return with(draft -> draft.plainCopy = copy);
  }

  /**
   * Of images in a file, indexes and merged images: a VMDK descriptor to make with the image, by
   * which a virtual machine sees it and its devices as one disk, and mounts that without being told
   * of devices. It gets its name just before the image, or none. A name that a descriptor can't
   * have, with a quote for example, is an {@link IllegalArgumentException} when the build begins.
   *
   * @param descriptor where it goes; a file in its directory or below is named relatively to that,
   *     any other by its absolute path
   * @param devices the files of devices that the build does not make, in their order: the archive
   *     of an index, or {@link #plainCopy its plain copy}; those of a merged image, each the layer
   *     or its devices
   */
  public ImageBuilder vmdkDescriptor(Path descriptor, List<Path> devices) {
    FlatDisk.Wanted wanted = new FlatDisk.Wanted(descriptor, devices);
    return with(draft -> draft.flatDisk = wanted);
  }

  /** Of layouts: Zstandard's level, 1 (fast) to 19 (small), usually 3; 0 stores spans plain. */
  public ImageBuilder zstdLevel(int level) {
    return with(draft -> draft.zstdLevel = level);
  }

  /** Of layouts: spans have 2^bits bytes, 12 to 26, usually 20. */
  public ImageBuilder spanBits(int bits) {
    return with(draft -> draft.spanBits = bits);
  }

  /** Of layouts: equal chunks of 2^bits bytes are stored once, 12 to 26, usually 16. */
  public ImageBuilder dedupeChunkBits(int bits) {
    return with(draft -> draft.dedupeChunkBits = bits);
  }

  /** Of layouts: regular files up to this size lie in the bootstrap, 0 to 4000, usually 512. */
  public ImageBuilder inlineMaxBytes(int bytes) {
    return with(draft -> draft.inlineMaxBytes = bytes);
  }

  /** Of layouts: earlier images to whose blobs the new one refers for equal data. */
  public ImageBuilder reuse(List<ReuseImage> images) {
    return new ImageBuilder(options, encoding, List.copyOf(images), layers);
  }

  /**
   * Of layouts: trees with the data of the layers that the image is of, the lowest first, such as
   * {@link dev.aquifer.input.LayerTree#layers} has them. The data of each goes to a blob of its
   * own, which is the same in all images that have the layer, as long as the other settings of
   * layouts are the same; what the image does not need at all stays out. Each layer is read once
   * for its blob, and what is seen of it again. Not together with {@link #reuse}.
   */
  public ImageBuilder blobPerLayer(List<SourceTree> trees) {
    return new ImageBuilder(options, encoding, reuse, List.copyOf(trees));
  }

  /**
   * Of {@link #buildFile(SourceTree, Path) images of one file} and {@link #buildInMemory in
   * memory}: how data is stored there, usually plain. Indexes and merged images have it as their
   * devices do, and of this {@link Encoding#withSizeAlignment the alignment of their size} and
   * {@link Encoding#withRootXattrBytes the room for the root's attributes} alone.
   */
  public ImageBuilder encoding(Encoding form) {
    return new ImageBuilder(options, form, reuse, layers);
  }

  /**
   * Builds an image of {@code tree} as an OCI image layout: a bootstrap, and blobs of spans with
   * the data.
   *
   * @param output where the layout goes; directories above it are made
   */
  public BuildResult buildLayout(SourceTree tree, Path output) throws IOException {
    if (!reuse.isEmpty() && !layers.isEmpty()) {
      throw new IllegalArgumentException(
          "images to reuse, and a blob for each layer: expected one of both");
    }
    if (options.flatDisk() != null) {
      throw new IllegalArgumentException(
          options.flatDisk().descriptor()
              + ": is for an image in a file: a layout has its data in another form");
    }
    return LayoutImage.build(tree, output, reuse, layers, options);
  }

  /** Builds an image of {@code tree} in one file, with all data. */
  public SingleImage.Result buildFile(SourceTree tree, Path output) throws IOException {
    return SingleImage.build(tree, output, encoding, options);
  }

  /**
   * As the other; the chunks of files go to another file, which is the image's device. The encoding
   * must have {@link Encoding#chunkBits}.
   *
   * @param device the other file, which is made as {@code output} is, and just before it
   * @param tag what the image calls it: up to 64 bytes of UTF-8
   */
  public SingleImage.Result buildFile(SourceTree tree, Path output, Path device, String tag)
      throws IOException {
    return SingleImage.build(tree, output, device, tag, encoding, options);
  }

  /**
   * Builds an image of {@code tree} with all data in memory, and touches no disk but for what the
   * tree reads from one. The result, as {@link dev.aquifer.image.Image#open} takes it, needs not be
   * closed.
   *
   * <p>The image, and meanwhile its small files, links and attributes once more, are on the heap,
   * of whose limit they may take half; a tree that needs more ends in an {@link IOException} that
   * says so.
   */
  public ByteSource buildInMemory(SourceTree tree) throws IOException {
    return SingleImage.build(tree, encoding, options, Runtime.getRuntime().maxMemory() / 2);
  }

  /**
   * Builds an image that has the metadata of a tar archive, and has the archive itself as its
   * device, in blocks of 512 bytes. What is not in one piece in the archive, as files with holes,
   * is copied to the image.
   *
   * @param tree what is in the archive, or some of it; its files tell {@link
   *     SourceFile#archiveOffsetBytes}
   * @param archive the plain archive
   * @param tag what the image calls it: up to 64 bytes of UTF-8
   */
  public SingleImage.Result buildIndex(SourceTree tree, ByteSource archive, String tag, Path output)
      throws IOException {
    return TarIndex.build(tree, archive, tag, output, encoding, options);
  }

  /**
   * Builds an image of {@code tree} without the data of its regular files, which read as zeros: a
   * layer for overlayfs, which takes it from one below. The encoding must be one without
   * compression of files and without chunks.
   *
   * @throws IOException also if a regular file that is not empty has no attribute {@code
   *     trusted.overlay.metacopy}, by which overlayfs knows that its data is not here
   */
  public SingleImage.Result buildMetadata(SourceTree tree, Path output) throws IOException {
    return MetadataImage.build(tree, output, encoding, options);
  }

  /**
   * Builds one image of several that lie one over the other as layers: it has their metadata, and
   * they are its devices for the data. An image that has devices itself is none; those stand in its
   * place. Copied is what can't be referred to: ends of files that lie behind their inodes, and
   * what an image with devices holds itself.
   *
   * @param layers one at least, the lowest first
   * @throws dev.aquifer.io.UnsupportedFeatureException if a file that is seen is compressed
   * @throws IOException also if they differ in the size of blocks
   */
  public SingleImage.Result buildMerged(List<ImageMerge.Layer> layers, Path output)
      throws IOException {
    return ImageMerge.build(layers, output, encoding, options);
  }

  /** What it was told. */
  @Override
  public String toString() {
    return options + ", " + encoding;
  }
}
