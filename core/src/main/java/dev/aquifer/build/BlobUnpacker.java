package dev.aquifer.build;

import dev.aquifer.format.BlobObject;
import dev.aquifer.io.Errno;
import dev.aquifer.io.RefusedException;
import dev.aquifer.io.Sha256;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.HexFormat;
import java.util.concurrent.ThreadLocalRandom;
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
    if (Files.exists(output, LinkOption.NOFOLLOW_LINKS)) {
      if (!force) {
        throw exists(output);
      }
      if (!Files.isRegularFile(output, LinkOption.NOFOLLOW_LINKS)) {
        throw new RefusedException(
            Errno.EEXIST, output + ": is no regular file, so it is not replaced");
      }
    }
    try (StoredBlob blob = StoredBlob.open(object, expectedId)) {
      Path absolute = output.toAbsolutePath();
      String random = HexFormat.of().toHexDigits(ThreadLocalRandom.current().nextLong());
      Path temporary =
          absolute.resolveSibling("." + absolute.getFileName() + ".unpacking-" + random);
      try {
        copy(blob, temporary);
        if (force) {
          Files.move(temporary, absolute, StandardCopyOption.ATOMIC_MOVE);
        } else {
          moveToNewName(temporary, absolute);
        }
      } finally {
        Files.deleteIfExists(temporary);
      }
      BlobObject found = blob.blob();
      return new Result(found.table().id(), found.table().plainSizeBytes());
    }
  }

  private static RefusedException exists(Path output) {
    return new RefusedException(
        Errno.EEXIST, output + ": exists already: expected a new name, or --force to replace it");
  }

  /** Unlike a renaming, a link does not replace a file that has appeared meanwhile. */
  static void moveToNewName(Path temporary, Path output) throws IOException {
    try {
      Files.createLink(output, temporary);
    } catch (FileAlreadyExistsException e) {
      throw exists(output);
    } catch (FileSystemException | UnsupportedOperationException e) {
      // A file system without links; this looks first and then renames.
      try {
        Files.move(temporary, output);
      } catch (FileAlreadyExistsException f) {
        throw exists(output);
      }
    }
  }

  private static void copy(StoredBlob blob, Path target) throws IOException {
    try (OutputFile file = OutputFile.create(target);
        Arena arena = Arena.ofConfined()) {
      MemorySegment buffer = arena.allocate(STEP_BYTES, 8);
      for (long done = 0; done < blob.sizeBytes(); done += STEP_BYTES) {
        MemorySegment step = buffer.asSlice(0, Math.min(STEP_BYTES, blob.sizeBytes() - done));
        blob.read(done, step);
        file.write(done, step);
      }
      file.sync();
    }
  }
}
