package dev.aquifer.image;

/**
 * Bytes of metadata that are not next to an inode.
 *
 * @param isInMetabox whether they are in the data of the metabox, not in the primary device
 * @param positionBytes where they begin there
 * @param lengthBytes how many they are
 */
public record MetadataRange(boolean isInMetabox, long positionBytes, long lengthBytes) {}
