package dev.aquifer.blob;

import java.io.IOException;

/** Follows one {@link Backend#read}; called in the reading thread. */
public interface ReadListener {
  /** Called before each request to the origin; more than once where a request is repeated. */
  default void onRequest() {}

  /**
   * The first {@code countBytes} bytes of the destination are filled; grows with each call.
   *
   * @throws IOException to end the read, which then throws the same exception
   */
  void onReceived(long countBytes) throws IOException;

  /** Whether nobody wants the bytes any more; asked several times a second during the read. */
  default boolean isCancelled() {
    return false;
  }
}
