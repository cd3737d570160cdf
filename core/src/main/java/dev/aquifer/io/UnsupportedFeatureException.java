package dev.aquifer.io;

import java.io.IOException;

/** Well-formed data that uses something this version does not read; the message names it. */
public final class UnsupportedFeatureException extends IOException {
  private static final long serialVersionUID = 1;

  /** Takes the whole one-line message, which names the feature. */
  public UnsupportedFeatureException(String message) {
    super(message);
  }
}
