package dev.aquifer.cli;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/** What an image calls a file that is its device: its name, by which a mount finds it beside it. */
final class DeviceTag {
  private static final int MAX_BYTES = 64;

  private DeviceTag() {}

  /** The name of {@code file}; empty if that is too long. */
  static String of(Path file) {
    String name = String.valueOf(file.getFileName());
    return name.getBytes(StandardCharsets.UTF_8).length <= MAX_BYTES ? name : "";
  }
}
