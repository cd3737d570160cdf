package dev.aquifer.cli;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/** What files take on disk. Sparse files take less than their size, and Java does not tell. */
final class DiskUse {
  private DiskUse() {}

  /** The bytes allocated to everything below {@code directory}, as du(1) counts them. */
  static long of(Path directory) throws IOException {
    Process process =
        new ProcessBuilder("du", "-s", "-B1", directory.toString())
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start();
    try (InputStream out = process.getInputStream()) {
      String text = new String(out.readAllBytes(), StandardCharsets.UTF_8);
      return Long.parseLong(text.substring(0, text.indexOf('\t')));
    } catch (NumberFormatException | StringIndexOutOfBoundsException e) {
      throw new IOException("du -s -B1 " + directory + ": printed no number", e);
    }
  }
}
