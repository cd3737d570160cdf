package dev.aquifer.build;

import dev.aquifer.format.Descriptor;
import dev.aquifer.format.ImageManifest;
import dev.aquifer.image.DeviceSlot;
import dev.aquifer.image.Image;
import dev.aquifer.io.ByteSource;
import dev.aquifer.io.CorruptDataException;
import dev.aquifer.io.FileSource;
import dev.aquifer.io.Sha256;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * An image in a local OCI image layout, opened whole: an earlier image whose blobs a new one may
 * refer to. Every byte that is read from it is proven by the manifest's digest. Safe for use by
 * many threads.
 */
public final class ReuseImage implements Closeable {
  private final Path layout;
  private final String name;
  private final ImageManifest manifest;
  private final FileSource bootstrap;
  private final List<StoredBlob> blobs;
  private final Image image;

  private ReuseImage(
      Path layout,
      String name,
      ImageManifest manifest,
      FileSource bootstrap,
      List<StoredBlob> blobs,
      Image image) {
    this.layout = layout;
    this.name = name;
    this.manifest = manifest;
    this.bootstrap = bootstrap;
    this.blobs = blobs;
    this.image = image;
  }

  /**
   * Opens an image layout in a local directory.
   *
   * @throws IOException if it is no Aquifer image layout, or is damaged
   */
  public static ReuseImage open(Path layout) throws IOException {
    return open(layout, layout.toString());
  }

  /** As the other; {@code name} is what messages and the result call the image. */
  static ReuseImage open(Path layout, String name) throws IOException {
    if (!Files.isRegularFile(layout.resolve("oci-layout"))) {
      throw new IOException(
          layout + ": is no image layout: expected a directory that aquifer build made");
    }
    Descriptor found = ImageManifest.parseIndex(name, small(layout.resolve("index.json")));
    ImageManifest manifest =
        ImageManifest.parse(name, small(layout.resolve(found.path())), found.digest());
    List<StoredBlob> blobs = new ArrayList<>();
    FileSource bootstrap = FileSource.open(layout.resolve(manifest.bootstrap().path()));
    try {
      prove(bootstrap, manifest.bootstrap());
      Image metadata = Image.open(bootstrap);
      checkDevices(name, metadata, manifest);
      for (Descriptor object : manifest.blobs()) {
        Sha256 id = ImageManifest.blobId(name, object);
        StoredBlob blob = StoredBlob.open(layout.resolve(object.path()), id);
        blobs.add(blob);
        checkTailOffset(name, object, blob);
      }
      Image image = metadata.withDevices(List.<ByteSource>copyOf(blobs));
      return new ReuseImage(layout, name, manifest, bootstrap, List.copyOf(blobs), image);
    } catch (IOException | RuntimeException e) {
      closeAll(bootstrap, blobs);
      throw e;
    }
  }

  private static byte[] small(Path file) throws IOException {
    try (FileSource source = FileSource.open(file)) {
      if (source.sizeBytes() > ImageManifest.MAX_JSON_BYTES) {
        throw new CorruptDataException(
            "%s: has %d bytes: expected at most %d"
                .formatted(file, source.sizeBytes(), ImageManifest.MAX_JSON_BYTES));
      }
      return source.readBytes(0, (int) source.sizeBytes());
    }
  }

  private static void prove(FileSource source, Descriptor expected) throws IOException {
    Sha256 found = Sha256.hash(source);
    if (!found.equals(expected.digest())) {
      throw new CorruptDataException(
          "%s: has digest %s: expected %s".formatted(source.name(), found, expected.digest()));
    }
  }

  /** Whoever fetches the object relies on the annotation, and a new image takes it over. */
  private static void checkTailOffset(String name, Descriptor object, StoredBlob blob)
      throws CorruptDataException {
    long said = ImageManifest.tailOffset(name, object);
    if (said != blob.blob().storedSizeBytes()) {
      throw new CorruptDataException(
          "%s: %s says %d: expected %d, where the tail of %s starts"
              .formatted(
                  name,
                  ImageManifest.TAIL_OFFSET,
                  said,
                  blob.blob().storedSizeBytes(),
                  blob.name()));
    }
  }

  private static void checkDevices(String name, Image image, ImageManifest manifest)
      throws CorruptDataException {
    List<DeviceSlot> slots = image.deviceSlots();
    if (slots.size() != manifest.blobs().size()) {
      throw new CorruptDataException(
          "%s: the bootstrap has %d device slots, the manifest %d blobs"
              .formatted(name, slots.size(), manifest.blobs().size()));
    }
    for (int i = 0; i < slots.size(); i++) {
      Sha256 id = ImageManifest.blobId(name, manifest.blobs().get(i));
      if (!slots.get(i).tag().equals(id.hex())) {
        throw new CorruptDataException(
            "%s: device slot %d has tag %s: expected the blob's id %s"
                .formatted(name, i + 1, slots.get(i).tag(), id.hex()));
      }
    }
  }

  /** What messages and the result call the image: its path, or the name of its layer. */
  public String name() {
    return name;
  }

  /** The image with its devices attached. */
  public Image image() {
    return image;
  }

  /** The image's manifest. */
  public ImageManifest manifest() {
    return manifest;
  }

  /** The plain bytes of its blobs, in device order. */
  List<StoredBlob> blobs() {
    return blobs;
  }

  /** The local file of one of its blob objects. */
  Path object(Descriptor descriptor) {
    return layout.resolve(descriptor.path());
  }

  private static void closeAll(FileSource bootstrap, List<StoredBlob> blobs) throws IOException {
    for (StoredBlob blob : blobs) {
      blob.close();
    }
    bootstrap.close();
  }

  @Override
  public void close() throws IOException {
    closeAll(bootstrap, blobs);
  }
}
