package dev.aquifer.cli;

import java.util.UUID;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** How a new image is called, in the words of mkfs.erofs. */
final class VolumeOptions {
  @Option(
      names = "-U",
      paramLabel = "UUID",
      description = "The UUID. Default: made of the content.")
  @Nullable String uuid;

  @Option(names = "-L", paramLabel = "LABEL", description = "The volume's name, up to 15 bytes.")
  String label = "";

  /**
   * The UUID that is asked for, or null.
   *
   * @throws IllegalArgumentException if it is none
   */
  @Nullable UUID uuid() {
    if (uuid == null) {
      return null;
    }
    try {
      UUID parsed = UUID.fromString(uuid);
      if (parsed.toString().equalsIgnoreCase(uuid)) {
        return parsed;
      }
    } catch (IllegalArgumentException e) {
      // Said below.
    }
    throw new IllegalArgumentException(
        "-U %s: expected a UUID such as 6ba7b810-9dad-11d1-80b4-00c04fd430c8".formatted(uuid));
  }
}
