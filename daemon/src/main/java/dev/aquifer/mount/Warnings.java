package dev.aquifer.mount;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What somebody must know even if nobody looked at the log then: kept in a file of the run
 * directory, one line of JSON each, and shown by {@code aquifer status} until it is acknowledged.
 * Safe for use by many threads.
 */
public final class Warnings {
  private static final Logger LOG = LoggerFactory.getLogger(Warnings.class);
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int MAX_LINES = 1000;

  private final Path file;

  /** One warning. */
  public record Warning(String since, String text) {}

  Warnings(Path file) {
    this.file = file;
  }

  /** Logs and keeps a warning. Never throws: what is warned of is worse. */
  synchronized void add(String text) {
    LOG.error("{}", text);
    try {
      if (list().size() < MAX_LINES) {
        String since = Instant.now().truncatedTo(ChronoUnit.SECONDS).toString();
        Files.writeString(
            file,
            JSON.writeValueAsString(new Warning(since, text)) + "\n",
            StandardOpenOption.CREATE,
            StandardOpenOption.APPEND);
      }
    } catch (IOException e) {
      LOG.error("{}: {}", file, Denial.reason(e));
    }
  }

  /** All that are not acknowledged, the oldest first. */
  public synchronized List<Warning> list() {
    List<Warning> warnings = new ArrayList<>();
    try {
      for (String line : Files.readString(file, StandardCharsets.ISO_8859_1).split("\n")) {
        warnings.add(parse(line));
      }
    } catch (NoSuchFileException e) {
      // None.
    } catch (IOException e) {
      LOG.error("{}: {}", file, Denial.reason(e));
    }
    return warnings;
  }

  private static Warning parse(String line) {
    byte[] bytes = line.getBytes(StandardCharsets.ISO_8859_1);
    try {
      return JSON.readValue(bytes, Warning.class);
    } catch (IOException e) {
      // Cut off by a crash: better shown as it is than lost.
      return new Warning("", new String(bytes, StandardCharsets.UTF_8));
    }
  }

  /** Forgets all; returns how many there were. */
  public synchronized int acknowledge() throws IOException {
    int count = list().size();
    Files.deleteIfExists(file);
    return count;
  }
}
