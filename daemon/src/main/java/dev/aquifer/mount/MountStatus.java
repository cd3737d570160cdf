package dev.aquifer.mount;

import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What is known of one mount at one moment. Immutable.
 *
 * @param source what was mounted, as it was asked for
 * @param target the mount point
 * @param fsid the mount's name in its domain
 * @param domainId its domain; null if it is private
 * @param state whether it is to be seen
 * @param mode how the kernel gets its data
 * @param image the digest of the image's manifest, {@code sha256:<hex>}; null for an image made by
 *     other tools
 * @param kernelName the kernel's name of the file system, such as {@code erofs-7}, the directory
 *     below {@code /sys/fs/erofs}
 * @param blobs the ids of its blobs in device order; how they stand is in the domain's status
 * @param bootstrapFetchedBytes what the mount fetched for its bootstrap; 0 if it was cached
 * @param prefetch the mount's setting
 * @param since when it was mounted
 */
public record MountStatus(
    String source,
    Path target,
    String fsid,
    @Nullable String domainId,
    State state,
    Mode mode,
    @Nullable String image,
    String kernelName,
    List<String> blobs,
    long bootstrapFetchedBytes,
    Prefetch prefetch,
    Instant since) {

  /** Where a mount stands in its life. */
  public enum State {
    /** To be seen at its mount point. */
    MOUNTED,
    /**
     * Unmounted, but the kernel still has the file system: a file in it is open, or it is mounted
     * elsewhere. Its blobs stay served until that ends.
     */
    LINGERING
  }

  /** How the kernel gets the data. */
  public enum Mode {
    /** EROFS on cached blobs; what is missing is fetched when it is read. */
    LAZY("erofs+fanotify"),
    /** EROFS on files that are there as a whole. */
    LOCAL("erofs");

    private final String shown;

    Mode(String shown) {
      this.shown = shown;
    }

    @Override
    public String toString() {
      return shown;
    }
  }

  /** Copies the list. */
  public MountStatus {
    blobs = List.copyOf(blobs);
  }
}
