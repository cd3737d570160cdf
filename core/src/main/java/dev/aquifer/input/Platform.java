package dev.aquifer.input;

import java.util.Locale;

/**
 * What a container image is for, in the words of OCI: an operating system, an architecture, and for
 * some a variant, empty if it does not matter.
 */
public record Platform(String os, String architecture, String variant) {
  /** Linux on the processor that this runs on. */
  public static Platform here() {
    String arch = System.getProperty("os.arch", "").toLowerCase(Locale.ROOT);
    return new Platform(
        "linux",
        switch (arch) {
          case "x86_64" -> "amd64";
          case "aarch64" -> "arm64";
          case "x86", "i386", "i686" -> "386";
          default -> arch;
        },
        "");
  }

  /**
   * Reads {@code os/architecture} or {@code os/architecture/variant}.
   *
   * @throws IllegalArgumentException if {@code text} is something else
   */
  public static Platform parse(String text) {
    String[] parts = text.split("/", -1);
    boolean isWhole = parts.length == 2 || parts.length == 3;
    for (String part : parts) {
      isWhole &= !part.isEmpty();
    }
    if (!isWhole) {
      throw new IllegalArgumentException(
          "'%s': expected os/architecture, such as linux/amd64".formatted(text));
    }
    return new Platform(parts[0], parts[1], parts.length == 3 ? parts[2] : "");
  }

  /** Whether what is for {@code other} is for this, too. */
  boolean takes(Platform other) {
    return os.equals(other.os)
        && architecture.equals(other.architecture)
        && (variant.isEmpty() || variant.equals(other.variant));
  }

  /** The form that {@link #parse} reads. */
  @Override
  public String toString() {
    return os + "/" + architecture + (variant.isEmpty() ? "" : "/" + variant);
  }
}
