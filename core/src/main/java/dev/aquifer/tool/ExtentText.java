package dev.aquifer.tool;

import dev.aquifer.image.Extent;

/** Extents as JSON. */
final class ExtentText {
  private ExtentText() {}

  /** How many bytes of a device the extent refers to. */
  static long storedBytes(Extent extent) {
    return switch (extent) {
      case Extent.Hole _ -> 0;
      case Extent.Plain plain -> plain.lengthBytes();
      case Extent.Encoded encoded -> encoded.storedBytes();
      // Those are bytes of the packed inode.
      case Extent.Fragment _ -> 0;
    };
  }

  static JsonObject json(Extent extent) {
    JsonObject json =
        new JsonObject()
            .put("offset", extent.fileOffsetBytes())
            .put("length", extent.lengthBytes());
    return switch (extent) {
      case Extent.Hole _ -> json.put("kind", "hole");
      case Extent.Plain plain ->
          json.put("kind", "plain")
              .put("device", plain.device())
              .put("address", plain.addressBytes());
      case Extent.Encoded encoded ->
          json.put("kind", "encoded")
              .put("device", encoded.device() == Extent.METABOX ? null : encoded.device())
              .put("inMetabox", encoded.device() == Extent.METABOX ? true : null)
              .put("address", encoded.addressBytes())
              .put("storedBytes", encoded.storedBytes())
              .put("algorithm", algorithm(encoded))
              .put("skipBytes", encoded.skipBytes() == 0 ? null : encoded.skipBytes())
              .put("decodedBytes", encoded.decodedBytes())
              .put("partial", encoded.isPartial() ? true : null);
      case Extent.Fragment fragment ->
          json.put("kind", "fragment").put("packedOffset", fragment.packedOffsetBytes());
    };
  }

  /** The name of an algorithm in lower case. */
  static String algorithm(Extent.Encoded encoded) {
    return encoded.algorithm().toString().toLowerCase(java.util.Locale.ROOT);
  }
}
