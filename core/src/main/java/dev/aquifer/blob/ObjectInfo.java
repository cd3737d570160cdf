package dev.aquifer.blob;

import org.jspecify.annotations.Nullable;

/**
 * What an origin's object is: its size, and a mark that differs when its content does.
 *
 * @param sizeBytes its size
 * @param version a strong ETag, a strong modification time, a file's identity; null if there is
 *     none, or if the caller proves each byte itself
 */
public record ObjectInfo(long sizeBytes, @Nullable String version) {}
