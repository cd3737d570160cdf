package dev.aquifer.codec;

/**
 * What a {@link Compressor} made.
 *
 * @param consumedBytes how many bytes the stream decodes to; 0 if there is no stream
 * @param streamBytes how many bytes the stream has, fewer than {@code consumedBytes}, or 0
 */
public record Fitted(int consumedBytes, int streamBytes) {
  /** No stream fits, or none is shorter than what it stands for. */
  public static final Fitted NOTHING = new Fitted(0, 0);
}
