package dev.aquifer.blob;

import dev.aquifer.io.ByteSource;
import dev.aquifer.io.FileSource;
import dev.aquifer.io.Sha256;
import java.io.IOException;
import java.nio.file.Path;

/**
 * A whole bootstrap in the cache, proven and durable.
 *
 * @param path the file
 * @param digest its SHA-256
 * @param fetchedBytes what had to be fetched; 0 on a hit
 */
public record CachedBootstrap(Path path, Sha256 digest, long fetchedBytes) {
  /** Opens it; the caller closes the source. */
  public ByteSource source() throws IOException {
    return FileSource.open(path);
  }
}
