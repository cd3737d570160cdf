package dev.aquifer.io;

import java.io.IOException;

/**
 * Data that is not what it must be: a digest, checksum, magic number, range or structure is wrong.
 * The message names the source, the place, what was found and what was expected.
 */
public final class CorruptDataException extends IOException {
  private static final long serialVersionUID = 1;

  /** Takes the whole one-line message. */
  public CorruptDataException(String message) {
    super(message);
  }
}
