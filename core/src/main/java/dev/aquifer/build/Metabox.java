package dev.aquifer.build;

import dev.aquifer.codec.Compression;
import org.jspecify.annotations.Nullable;

/**
 * That inodes, what lies behind them, and shared extended attributes are the data of an inode of
 * the image's own, and how that is compressed.
 *
 * @param compression null for not at all
 * @param clusterBytes its largest physical cluster: whole blocks, as those of files
 */
public record Metabox(@Nullable Compression compression, int clusterBytes) {}
