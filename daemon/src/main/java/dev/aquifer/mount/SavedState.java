package dev.aquifer.mount;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.aquifer.io.Sha256;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;

/**
 * How this package keeps what a successor must know: small files, each replaced as a whole. The
 * first line is {@code aquifer-state 1} and the SHA-256 of the rest, which is JSON.
 */
final class SavedState {
  private static final String MAGIC = "aquifer-state 1 ";
  private static final Path BOOT_ID = Path.of("/proc/sys/kernel/random/boot_id");
  private static final ObjectMapper JSON = new ObjectMapper();

  private SavedState() {}

  /** Names this start of the machine: what was mounted before it is gone. */
  static String bootId() throws IOException {
    return Files.readString(BOOT_ID).strip();
  }

  /** Writes {@code state}, a record of plain values, to {@code file}. */
  static void write(Path file, Object state) throws IOException {
    byte[] json = JSON.writerWithDefaultPrettyPrinter().writeValueAsBytes(state);
    byte[] head = (MAGIC + digest(json) + "\n").getBytes(StandardCharsets.US_ASCII);
    byte[] bytes = java.util.Arrays.copyOf(head, head.length + json.length);
    System.arraycopy(json, 0, bytes, head.length, json.length);
    // A draft must not be taken for a state.
    Path draft = file.resolveSibling("." + file.getFileName() + ".draft");
    try {
      Files.write(draft, bytes);
      Files.move(draft, file, StandardCopyOption.ATOMIC_MOVE);
    } finally {
      Files.deleteIfExists(draft);
    }
  }

  /**
   * Reads what {@link #write} wrote.
   *
   * @throws IOException if it is not whole, of another version or of another shape; what can be
   *     done about it is {@link #putAside}
   */
  static <T> T read(Path file, Class<T> type) throws IOException {
    byte[] bytes = Files.readAllBytes(file);
    int end = 0;
    while (end < bytes.length && bytes[end] != '\n') {
      end++;
    }
    String head = new String(bytes, 0, end, StandardCharsets.US_ASCII);
    if (!head.startsWith(MAGIC)) {
      throw new IOException("%s: starts with no '%s'".formatted(file, MAGIC.strip()));
    }
    byte[] json =
        java.util.Arrays.copyOfRange(bytes, Math.min(end + 1, bytes.length), bytes.length);
    if (!head.equals(MAGIC + digest(json))) {
      throw new IOException(file + ": its digest differs: it was damaged or cut off");
    }
    try {
      return JSON.readValue(json, type);
    } catch (JsonProcessingException e) {
      throw new IOException("%s: %s".formatted(file, e.getOriginalMessage()), e);
    }
  }

  private static String digest(byte[] json) {
    return Sha256.hash(MemorySegment.ofArray(json)).hex();
  }

  /** Moves a file that can't be read out of the way; returns its new name. */
  static Path putAside(Path file) throws IOException {
    Path aside = file.resolveSibling(file.getFileName() + ".unreadable");
    for (int i = 2; Files.exists(aside); i++) {
      aside = file.resolveSibling(file.getFileName() + ".unreadable-" + i);
    }
    return Files.move(file, aside);
  }
}
