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
 * @param offsetBytes where the file system begins in the file
 * @param domainId the domain in whose name space of the cache everything is kept: it shares what it
 *     fetched with all that name the same domain. Null for a name space of the reference's own
 * @param cacheDirectory the cache that keeps what is fetched, made if it is missing; used by one
 *     process at a time, and there by any number of open images. Null for a private temporary one,
 *     which goes when the image is closed
 */
public record OpenOptions(
    List<String> devices,
    long offsetBytes,
    @Nullable String domainId,
    @Nullable Path cacheDirectory) {
  /** No devices, no offset, nothing kept. */
  public static final OpenOptions DEFAULT = new OpenOptions(List.of(), 0, null, null);

  /** Copies the list. */
  public OpenOptions {
    devices = List.copyOf(devices);
    if (offsetBytes < 0) {
      throw new IllegalArgumentException("offset %d: expected 0 or more".formatted(offsetBytes));
    }
  }

  /** The same with other devices. */
  public OpenOptions withDevices(List<String> references) {
    return new OpenOptions(references, offsetBytes, domainId, cacheDirectory);
  }

  /** The same with another place where the file system begins. */
  public OpenOptions withOffsetBytes(long bytes) {
    return new OpenOptions(devices, bytes, domainId, cacheDirectory);
  }

  /** The same in another domain; needs a cache directory. */
  public OpenOptions withDomainId(@Nullable String id) {
    return new OpenOptions(devices, offsetBytes, id, cacheDirectory);
  }

  /** The same with another cache. */
  public OpenOptions withCacheDirectory(@Nullable Path directory) {
    return new OpenOptions(devices, offsetBytes, domainId, directory);
  }
}
