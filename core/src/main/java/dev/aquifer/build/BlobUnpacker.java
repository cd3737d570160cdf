package dev.aquifer.build;

import dev.aquifer.format.BlobObject;
import dev.aquifer.io.RefusedException;
import dev.aquifer.io.Sha256;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** Turns a blob object into the plain blob, which the kernel mounts by itself as a device. */
public final class BlobUnpacker {
  private static final int STEP_BYTES = 1 << 20;

  private BlobUnpacker() {}

  /**
   * What was unpacked.
   *
   * @param id the blob's id
   * @param plainBytes its size
   */
  public record Result(Sha256 id, long plainBytes) {}

  /**
   * Writes the plain bytes of the blob in {@code object} to {@code output}, each span proven. The
   * file appears under its name when it is whole, and not at all after an error or an interrupt of
   * the calling thread.
   *
   * @param expectedId the blob's id, or null to take the object's word for it
   * @param force whether an existing regular file is replaced
   * @throws dev.aquifer.io.CorruptDataException if {@code object} is no blob object, is damaged, or
   *     holds another blob
   * @throws RefusedException EEXIST, if there is something at {@code output}
   */
  public static Result unpack(Path object, Path output, @Nullable Sha256 expectedId, boolean force)
      throws IOException {
    try (StoredBlob blob = StoredBlob.open(object, expectedId);
        NewFile target = NewFile.create(output, force, "unpacking")) {
      copy(blob, target.file());
      target.file().sync();
      target.commit();
      BlobObject found = blob.blob();
      return new Result(found.table().id(), found.table().plainSizeBytes());
    }
  }

  private static void copy(StoredBlob blob, OutputFile file) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment buffer = arena.allocate(STEP_BYTES, 8);
      for (long done = 0; done < blob.sizeBytes(); done += STEP_BYTES) {
        MemorySegment step = buffer.asSlice(0, Math.min(STEP_BYTES, blob.sizeBytes() - done));
        blob.read(done, step);
        file.write(done, step);
      }
    }
  }
}
