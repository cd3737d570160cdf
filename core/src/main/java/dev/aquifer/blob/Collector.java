package dev.aquifer.blob;

import dev.aquifer.io.Sha256;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;

/**
 * Removes from the store what nobody uses. A blob's directory says by its time of change when
 * somebody last opened it or let go of it.
 *
 * <p>What somebody opens meanwhile is not removed, and who opens what is being removed waits, and
 * then has it anew. For one thread.
 */
final class Collector {
  private final Domains domains;
  private final Path root;
  private final Instant unusedSince;
  private int removed;

  Collector(Domains domains, Path root, Instant unusedSince) {
    this.domains = domains;
    this.root = root;
    this.unusedSince = unusedSince;
  }

  /** Removes it; returns how many blobs that were. */
  int collect() throws IOException {
    for (Path space : spaces("domains")) {
      collect(new Domain.Key.Shared(space.getFileName().toString()), space);
    }
    for (Path space : spaces("private")) {
      collect(new Domain.Key.Private(space.getFileName().toString()), space);
    }
    return removed;
  }

  private List<Path> spaces(String kind) throws IOException {
    return list(root.resolve(kind)).stream().filter(Files::isDirectory).toList();
  }

  private void collect(Domain.Key key, Path space) throws IOException {
    if (domains.claimUnused(key)) {
      try {
        collectUnused(space);
      } finally {
        domains.free(key);
      }
    } else {
      collectUsed(key, space);
    }
  }

  /** Nobody is in the domain: when its last blob goes, all of it does. */
  private void collectUnused(Path space) throws IOException {
    boolean isLeft = false;
    for (String kind : List.of("blobs", "unverified")) {
      for (Path blob : list(space.resolve(kind))) {
        if (isOld(blob)) {
          remove(blob);
          removed++;
        } else {
          isLeft = true;
        }
      }
    }
    if (!isLeft) {
      remove(space);
    }
  }

  /** Its members may be about to open what is not a blob, so that stays. */
  private void collectUsed(Domain.Key key, Path space) throws IOException {
    for (Path blob : list(space.resolve("blobs"))) {
      String name = blob.getFileName().toString();
      if (!Sha256.isHex(name) || !isOld(blob)) {
        continue;
      }
      BlobKey.Verified id = new BlobKey.Verified(Sha256.parse("sha256:" + name));
      if (domains.claimUnused(key, id)) {
        try {
          remove(blob);
          removed++;
        } finally {
          domains.free(key, id);
        }
      }
    }
  }

  private boolean isOld(Path blob) throws IOException {
    return !Files.getLastModifiedTime(blob).toInstant().isAfter(unusedSince);
  }

  private static List<Path> list(Path directory) throws IOException {
    List<Path> entries = new ArrayList<>();
    try (DirectoryStream<Path> stream = Files.newDirectoryStream(directory)) {
      stream.forEach(entries::add);
    } catch (NoSuchFileException e) {
      // Nothing of this kind.
    }
    return entries;
  }

  /**
   * In the order that a crash may cut anywhere: without its record a blob's data is not believed.
   */
  private static void remove(Path path) throws IOException {
    if (Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS)) {
      Files.deleteIfExists(path.resolve("spans"));
      for (Path entry : list(path)) {
        remove(entry);
      }
    }
    Files.deleteIfExists(path);
  }
}
