package dev.aquifer.image;

import java.io.IOException;

/** The index of a compressed file: an entry for each logical cluster. */
sealed interface LclusterIndex permits FullIndex, CompactIndex {
  /** The entry of logical cluster {@code number}. */
  Lcluster entry(long number) throws IOException;

  /** The block that the run of the head {@code number} is stored from. */
  long block(long number) throws IOException;

  /** The position after the bytes that the entry of logical cluster {@code number} is in. */
  long endOf(long number);
}
