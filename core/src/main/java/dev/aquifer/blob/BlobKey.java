package dev.aquifer.blob;

import dev.aquifer.io.Sha256;

/** The name of a blob in its domain: verified and unverified ones never clash. */
sealed interface BlobKey {
  /** A blob that its id proves. */
  record Verified(Sha256 id) implements BlobKey {}

  /** An object that nothing proves. */
  record Unverified(String location, String key) implements BlobKey {
    @Override
    public String toString() {
      return location + "/" + key;
    }
  }
}
