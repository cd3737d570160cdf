package dev.aquifer.build;

import java.util.ArrayList;
import java.util.List;

/** Counts where the bytes of regular files go; see {@link BuildResult.Bytes}. */
final class DataCount {
  long source;
  long inline;
  long unique;
  long duplicate;

  /** By number of the blob in chunk addresses. */
  private final long[] reused;

  DataCount(int reusedBlobs) {
    this.reused = new long[reusedBlobs + 1];
  }

  void reused(int blob, long lengthBytes) {
    reused[blob] += lengthBytes;
  }

  long reused(int blob) {
    return reused[blob];
  }

  BuildResult.Bytes result(List<ReuseImage> images, ReusedBlobs blobs) {
    List<BuildResult.Reuse> byImage = new ArrayList<>();
    long all = 0;
    for (ReuseImage image : images) {
      long bytes = 0;
      for (ReusedBlobs.Blob blob : blobs.blobs()) {
        if (blob.image() == image) {
          bytes += reused[blob.number()];
        }
      }
      all += bytes;
      byImage.add(new BuildResult.Reuse(image.name(), bytes));
    }
    long holes = source - inline - unique - duplicate - all;
    return new BuildResult.Bytes(source, inline, holes, unique, duplicate, all, byImage);
  }
}
