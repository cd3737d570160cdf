package dev.aquifer.build;

import dev.aquifer.format.Descriptor;
import dev.aquifer.io.Sha256;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/** The blobs of earlier images, with the numbers that chunk addresses have for them. */
final class ReusedBlobs {
  /**
   * One blob, with a number from 1 in chunk addresses.
   *
   * @param object where the object is described in the image's manifest
   */
  record Blob(int number, ReuseImage image, StoredBlob stored, Descriptor object) {
    Sha256 id() {
      return stored.blob().table().id();
    }
  }

  private final List<Blob> blobs = new ArrayList<>();
  private final Map<Sha256, Integer> numbers = new HashMap<>();

  private ReusedBlobs() {}

  /** Those of {@code images}; the images given first come first. */
  static ReusedBlobs of(List<ReuseImage> images) throws IOException {
    ReusedBlobs reused = new ReusedBlobs();
    for (ReuseImage image : images) {
      for (int i = 0; i < image.blobs().size(); i++) {
        reused.add(image, i);
      }
    }
    return reused;
  }

  /** A blob that several images have gets one number. */
  private void add(ReuseImage image, int index) throws IOException {
    StoredBlob stored = image.blobs().get(index);
    Sha256 id = stored.blob().table().id();
    if (numbers.containsKey(id)) {
      return;
    }
    if (blobs.size() == Place.MAX_BLOB) {
      throw new IOException("images to reuse: more than %d blobs".formatted(Place.MAX_BLOB));
    }
    blobs.add(new Blob(blobs.size() + 1, image, stored, image.manifest().blobs().get(index)));
    numbers.put(id, blobs.size());
  }

  List<Blob> blobs() {
    return blobs;
  }

  /** The blob of a number. */
  StoredBlob stored(int number) {
    return blobs.get(number - 1).stored;
  }

  /** The numbers of the blobs of {@code image}, in device order. */
  List<Integer> numbers(ReuseImage image) {
    List<Integer> found = new ArrayList<>();
    for (StoredBlob blob : image.blobs()) {
      found.add(Objects.requireNonNull(numbers.get(blob.blob().table().id())));
    }
    return found;
  }
}
