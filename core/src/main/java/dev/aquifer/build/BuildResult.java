package dev.aquifer.build;

import dev.aquifer.io.Sha256;
import java.time.Duration;
import java.util.List;

/**
 * What a build made.
 *
 * @param manifestDigest the digest of the manifest: the image's name
 * @param bootstrapDigest the digest of the bootstrap
 * @param bootstrapBytes its size
 * @param blobs the blobs in device order
 * @param counts what the tree holds
 * @param bytes where the bytes of the regular files went
 * @param phases how long each part of the build took
 * @param elapsed how long it took
 */
public record BuildResult(
    Sha256 manifestDigest,
    Sha256 bootstrapDigest,
    long bootstrapBytes,
    List<Blob> blobs,
    Counts counts,
    Bytes bytes,
    Phases phases,
    Duration elapsed) {
  /** Copies the list. */
  public BuildResult {
    blobs = List.copyOf(blobs);
  }

  /**
   * How long each part of a build took, one after the other.
   *
   * @param tree reading names, stat and extended attributes
   * @param data reading, hashing, compressing and writing the data of regular files, and taking
   *     over the blobs of earlier images
   * @param metadata writing inodes and directories, and checking them
   * @param commit until all is on the disk and has its name
   */
  public record Phases(Duration tree, Duration data, Duration metadata, Duration commit) {
    /** Of what the clock said when each phase began, and at the end. */
    static Phases ofNanos(long tree, long data, long metadata, long commit, long end) {
      return new Phases(
          Duration.ofNanos(data - tree),
          Duration.ofNanos(metadata - data),
          Duration.ofNanos(commit - metadata),
          Duration.ofNanos(end - commit));
    }
  }

  /**
   * A blob that the image refers to.
   *
   * @param id the blob's id
   * @param objectDigest the digest of the object that stores it
   * @param plainBytes size of the blob
   * @param objectBytes size of the object
   * @param reusedFrom the name of the image, or of the layer, that it comes from, or empty for the
   *     image's own
   */
  public record Blob(
      Sha256 id, Sha256 objectDigest, long plainBytes, long objectBytes, String reusedFrom) {}

  /**
   * Counts of files. A file with several names counts once, its further names as hard links.
   *
   * @param regular regular files
   * @param directories directories with the root
   * @param symlinks symbolic links
   * @param special devices, named pipes and sockets
   * @param hardLinks names beyond the first of each file
   * @param inodes all of the above but hard links
   */
  public record Counts(
      long regular, long directories, long symlinks, long special, long hardLinks, long inodes) {}

  /**
   * Where the bytes of the regular files went: {@code source = inline + holes + unique + duplicate
   * + reused}.
   *
   * @param source the sizes of all regular files, each file once
   * @param inline of these, in the bootstrap
   * @param holes of these, stored nowhere: holes and chunks of zeros
   * @param unique of these, in the image's own blob, before padding to whole blocks
   * @param duplicate of these, equal to others of this image
   * @param reused of these, in blobs of other images, or of layers
   * @param reusedFrom {@code reused} by image, in the order in which the images were given
   */
  public record Bytes(
      long source,
      long inline,
      long holes,
      long unique,
      long duplicate,
      long reused,
      List<Reuse> reusedFrom) {
    /** Copies the list. */
    public Bytes {
      reusedFrom = List.copyOf(reusedFrom);
    }
  }

  /**
   * What was found in one earlier image.
   *
   * @param image its name
   * @param bytes bytes of regular files that its blobs hold
   */
  public record Reuse(String image, long bytes) {}
}
