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
    };
  }
}
