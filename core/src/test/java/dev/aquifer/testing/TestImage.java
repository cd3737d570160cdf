package dev.aquifer.testing;

import dev.aquifer.format.BlobObject;
import dev.aquifer.format.Descriptor;
import dev.aquifer.format.ImageManifest;
import dev.aquifer.format.SpanCodec;
import dev.aquifer.format.SpanTable;
import dev.aquifer.io.Sha256;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;

/**
 * An image layout with any bytes for a bootstrap and for blobs, written by hand: for tests of what
 * fetches and keeps, which never looks into them.
 *
 * @param directory the layout
 * @param bootstrap the bootstrap's bytes
 * @param blobs the blobs in device order
 */
public record TestImage(Path directory, byte[] bootstrap, List<Blob> blobs) {
  /**
   * A blob of a test image.
   *
   * @param plain its bytes
   * @param id its id
   * @param object the object that stores it
   */
  public record Blob(byte[] plain, Sha256 id, Descriptor object) {
    /** The path of the object below the layout. */
    public String path() {
      return object.path();
    }

    /** Where its tail starts in the object. */
    public long tailOffset() {
      return Long.parseLong(object.annotations().get(ImageManifest.TAIL_OFFSET));
    }
  }

  /** What goes into a blob. */
  public record Content(byte[] plain, int spanBits, SpanCodec codec) {}

  /** Bytes that don't compress, the same for the same seed. */
  public static byte[] noise(long seed, int length) {
    byte[] bytes = new byte[length];
    new Random(seed).nextBytes(bytes);
    return bytes;
  }

  /** Bytes that compress to about a quarter, the same for the same seed. */
  public static byte[] text(long seed, int length) {
    Random random = new Random(seed);
    byte[] bytes = new byte[length];
    for (int i = 0; i < length; i++) {
      bytes[i] = (byte) ("aeiou mnrst.\n ..".charAt(random.nextInt(4) * random.nextInt(5)));
    }
    return bytes;
  }

  /** Writes a layout below {@code directory}. */
  public static TestImage write(Path directory, byte[] bootstrap, Content... contents)
      throws IOException {
    Files.createDirectories(directory.resolve("blobs/sha256"));
    List<Blob> blobs = new ArrayList<>();
    for (Content content : contents) {
      blobs.add(writeBlob(directory, content));
    }
    Descriptor config =
        put(directory, ImageManifest.CONFIG_TYPE, "{}".getBytes(StandardCharsets.UTF_8), Map.of());
    ImageManifest manifest =
        new ImageManifest(
            config,
            put(directory, ImageManifest.BOOTSTRAP_TYPE, bootstrap, Map.of()),
            blobs.stream().map(Blob::object).toList());
    Descriptor descriptor = put(directory, ImageManifest.MEDIA_TYPE, manifest.toJson(), Map.of());
    Files.write(directory.resolve("index.json"), ImageManifest.indexJson(descriptor));
    Files.writeString(directory.resolve("oci-layout"), ImageManifest.LAYOUT_FILE);
    return new TestImage(directory, bootstrap, List.copyOf(blobs));
  }

  private static Descriptor put(
      Path directory, String type, byte[] bytes, Map<String, String> annotations)
      throws IOException {
    Descriptor descriptor = new Descriptor(type, Sha256.hash(bytes), bytes.length, annotations);
    Files.write(directory.resolve(descriptor.path()), bytes);
    return descriptor;
  }

  private static Blob writeBlob(Path directory, Content content) throws IOException {
    int span = 1 << content.spanBits();
    int count = (content.plain().length + span - 1) / span;
    ByteArrayOutputStream digests = new ByteArrayOutputStream();
    ByteArrayOutputStream object = new ByteArrayOutputStream();
    int[] lengths = new int[count];
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment plain = arena.allocate(span);
      MemorySegment stored = arena.allocate(content.codec().boundBytes(span));
      for (int i = 0; i < count; i++) {
        int length = Math.min(span, content.plain().length - i * span);
        MemorySegment part = plain.asSlice(0, length);
        part.copyFrom(MemorySegment.ofArray(content.plain()).asSlice((long) i * span, length));
        digests.writeBytes(Sha256.hash(part).bytes());
        lengths[i] = content.codec().encode(part, stored, 1);
        MemorySegment out = lengths[i] == length ? part : stored.asSlice(0, lengths[i]);
        object.writeBytes(out.toArray(java.lang.foreign.ValueLayout.JAVA_BYTE));
      }
    }
    SpanTable table =
        SpanTable.of(content.spanBits(), content.plain().length, digests.toByteArray());
    long tailOffset = object.size();
    object.writeBytes(BlobObject.tail(table, content.codec(), lengths));
    Descriptor descriptor =
        put(
            directory,
            ImageManifest.BLOB_TYPE,
            object.toByteArray(),
            Map.of(
                ImageManifest.BLOB_ID,
                table.id().toString(),
                ImageManifest.TAIL_OFFSET,
                Long.toString(tailOffset)));
    return new Blob(content.plain(), table.id(), descriptor);
  }
}
