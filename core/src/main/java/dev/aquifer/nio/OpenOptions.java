package dev.aquifer.nio;

import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * How an image is opened. Immutable; start from {@link #DEFAULT}.
 *
 * @param devices the extra devices of an image made by other tools, in the order of its device
 *     table: each the path of a file or an {@code http} or {@code https} URL. Without them the
 *     metadata of such an image can be read, and data on devices can't. What the device table says
 *     is never taken for a file's name: an image that is not trusted could name any file
 * @param mirrors further places of an image layout, each the path of a directory or a URL: asked,
 *     in this order, when the reference fails or gives damaged data
 * @param offsetBytes where the file system begins in the file
 * @param domainId the domain in whose name space of the cache everything is kept: it shares what it
 *     fetched with all that name the same domain. Null for a name space of the reference's own
 * @param cacheDirectory the cache that keeps what is fetched, made if it is missing; used by one
 *     process at a time, and there by any number of open images. Null for a private temporary one,
 *     which goes when the image is closed
 * @param inMemory whether that temporary cache is in memory, on Linux in {@code /dev/shm}: nothing
 *     that is fetched reaches a disk, and all of it stays in memory until the image is closed
 */
public record OpenOptions(
    List<String> devices,
    List<String> mirrors,
    long offsetBytes,
    @Nullable String domainId,
    @Nullable Path cacheDirectory,
    boolean inMemory) {
  /** No devices, no mirrors, no offset, nothing kept. */
  public static final OpenOptions DEFAULT =
      new OpenOptions(List.of(), List.of(), 0, null, null, false);

  /** Copies the lists. */
  public OpenOptions {
    devices = List.copyOf(devices);
    mirrors = List.copyOf(mirrors);
    if (offsetBytes < 0) {
      throw new IllegalArgumentException("offset %d: expected 0 or more".formatted(offsetBytes));
    }
  }

  /** The same with other devices. */
  public OpenOptions withDevices(List<String> references) {
    return new OpenOptions(references, mirrors, offsetBytes, domainId, cacheDirectory, inMemory);
  }

  /** The same with other mirrors. */
  public OpenOptions withMirrors(List<String> references) {
    return new OpenOptions(devices, references, offsetBytes, domainId, cacheDirectory, inMemory);
  }

  /** The same with another place where the file system begins. */
  public OpenOptions withOffsetBytes(long bytes) {
    return new OpenOptions(devices, mirrors, bytes, domainId, cacheDirectory, inMemory);
  }

  /** The same in another domain; needs a cache directory. */
  public OpenOptions withDomainId(@Nullable String id) {
    return new OpenOptions(devices, mirrors, offsetBytes, id, cacheDirectory, inMemory);
  }

  /** The same with the temporary cache in memory, or not; needs no cache directory. */
  public OpenOptions withInMemory(boolean isInMemory) {
    return new OpenOptions(devices, mirrors, offsetBytes, domainId, cacheDirectory, isInMemory);
  }

  /** The same with another cache. */
  public OpenOptions withCacheDirectory(@Nullable Path directory) {
    return new OpenOptions(devices, mirrors, offsetBytes, domainId, directory, inMemory);
  }
}
