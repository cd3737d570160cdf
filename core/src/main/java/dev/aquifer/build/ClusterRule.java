package dev.aquifer.build;

import dev.aquifer.codec.Compression;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * How some files are compressed, unlike all others.
 *
 * @param paths which: paths in the tree without a slash at their beginning, of one character for
 *     each byte; of a file with several names, the first one
 * @param compression null for not at all
 * @param clusterBytes their largest physical cluster; 0 without compression
 */
public record ClusterRule(
    Predicate<String> paths, @Nullable Compression compression, int clusterBytes) {
  /** Checks that there is no size without compression. */
  public ClusterRule {
    if ((compression == null) != (clusterBytes == 0)) {
      throw new IllegalArgumentException(
          "clusters of %d bytes: expected 0 for data as it is, and only then"
              .formatted(clusterBytes));
    }
  }
}
