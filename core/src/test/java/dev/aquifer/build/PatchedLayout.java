package dev.aquifer.build;

import dev.aquifer.format.Descriptor;
import dev.aquifer.format.ImageManifest;
import dev.aquifer.image.Image;
import dev.aquifer.io.ByteSource;
import dev.aquifer.io.LittleEndian;
import dev.aquifer.io.Sha256;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.UnaryOperator;
import java.util.zip.CRC32C;

/** An image layout that a test makes hostile: what it changes gets the digests that it needs. */
final class PatchedLayout {
  private final Path layout;
  private final ImageManifest manifest;
  private final byte[] bootstrap;
  private final MemorySegment bytes;

  PatchedLayout(Path layout) throws IOException {
    this.layout = layout;
    try (ReuseImage image = ReuseImage.open(layout)) {
      this.manifest = image.manifest();
    }
    this.bootstrap = Files.readAllBytes(layout.resolve(manifest.bootstrap().path()));
    this.bytes = MemorySegment.ofArray(bootstrap);
  }

  long nid(String path) throws IOException {
    seal();
    return Image.open(ByteSource.of("bootstrap", bootstrap)).lookup(path).nid();
  }

  /** Makes the entry of {@code path} stand for inode {@code target}, of the same type. */
  PatchedLayout redirect(String path, long target) throws IOException {
    long nid = nid(path);
    // The directory lies before what is in it, so its entry comes before the inode's own dot.
    long at = 1024;
    while (LittleEndian.u64(bytes, at) != nid || LittleEndian.u8(bytes, at + 11) != 0) {
      at += 4;
    }
    LittleEndian.put64(bytes, at, target);
    return this;
  }

  /** The bytes of the bootstrap, to be changed. */
  MemorySegment bytes() {
    return bytes;
  }

  void write() throws IOException {
    write(object -> object);
  }

  /** Writes it, with other descriptors of its blob objects. */
  void write(UnaryOperator<Descriptor> objects) throws IOException {
    seal();
    ImageManifest patched =
        new ImageManifest(
            manifest.config(),
            put(manifest.bootstrap().mediaType(), bootstrap),
            manifest.blobs().stream().map(objects).toList());
    Descriptor self = put(ImageManifest.MEDIA_TYPE, patched.toJson());
    Files.write(layout.resolve("index.json"), ImageManifest.indexJson(self));
  }

  /** Sets the superblock's checksum right again. */
  private void seal() {
    LittleEndian.put32(bytes, 1028, 0);
    CRC32C crc = new CRC32C();
    crc.update(bootstrap, 1024, 4096 - 1024);
    LittleEndian.put32(bytes, 1028, ~crc.getValue());
  }

  private Descriptor put(String type, byte[] content) throws IOException {
    Descriptor descriptor =
        new Descriptor(type, Sha256.hash(content), content.length, java.util.Map.of());
    Files.write(layout.resolve(descriptor.path()), content);
    return descriptor;
  }
}
