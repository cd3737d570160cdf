package dev.aquifer.mount;

import dev.aquifer.format.SpanCodec;
import dev.aquifer.io.LittleEndian;
import dev.aquifer.testing.TestImage;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * A bootstrap and a blob as mkfs.erofs makes them of a tree, so that what tests expect does not
 * come from our own writer.
 */
record RawErofs(Path bootstrap, Path blob) {
  private static final int SUPERBLOCK = 1024;
  private static final long CHECKSUM_FEATURE = 1;

  /** Makes an image of {@code tree}, in chunks of {@code chunkBytes}. */
  static RawErofs make(Path tree, Path directory, int chunkBytes)
      throws IOException, InterruptedException {
    Files.createDirectories(directory);
    Path bootstrap = directory.resolve("bootstrap.erofs");
    Path blob = directory.resolve("blob.img");
    Run.ok(
        "mkfs.erofs",
        "--chunksize=" + chunkBytes,
        "--blobdev=" + blob,
        bootstrap.toString(),
        tree.toString());
    return new RawErofs(bootstrap, blob);
  }

  /** The bootstrap with {@code tags} written into its device slots. */
  byte[] withTags(List<String> tags) throws IOException {
    byte[] bytes = Files.readAllBytes(bootstrap);
    MemorySegment image = MemorySegment.ofArray(bytes);
    int slots = LittleEndian.u16(image, SUPERBLOCK + 86);
    if (slots != tags.size()) {
      throw new IllegalArgumentException(slots + " slots");
    }
    long table = LittleEndian.u16(image, SUPERBLOCK + 88) * 128L;
    for (int i = 0; i < slots; i++) {
      byte[] tag = tags.get(i).getBytes(StandardCharsets.US_ASCII);
      image.asSlice(table + 128L * i, 64).fill((byte) 0);
      MemorySegment.copy(tag, 0, image, ValueLayout.JAVA_BYTE, table + 128L * i, tag.length);
    }
    // The checksum covers the slots; without its feature bit nobody looks.
    LittleEndian.put32(
        image, SUPERBLOCK + 8, LittleEndian.u32(image, SUPERBLOCK + 8) & ~CHECKSUM_FEATURE);
    LittleEndian.put32(image, SUPERBLOCK + 4, 0);
    return bytes;
  }

  /** An Aquifer image of it, in {@code layout}. */
  TestImage toImage(Path layout, int spanBits, SpanCodec codec) throws IOException {
    TestImage.Content content = new TestImage.Content(Files.readAllBytes(blob), spanBits, codec);
    // Once to learn the blob's id, then with the id in the bootstrap's device table.
    TestImage draft = TestImage.write(layout, Files.readAllBytes(bootstrap), content);
    List<String> ids = new ArrayList<>();
    draft.blobs().forEach(made -> ids.add(made.id().hex()));
    return TestImage.write(layout, withTags(ids), content);
  }
}
