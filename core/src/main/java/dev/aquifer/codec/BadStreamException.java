package dev.aquifer.codec;

/** A compressed stream that is not what it must be. Who knows where it lies says so further on. */
public final class BadStreamException extends Exception {
  private static final long serialVersionUID = 1;

  /** Takes what is wrong with the stream, without its place. */
  public BadStreamException(String message) {
    super(message);
  }
}
