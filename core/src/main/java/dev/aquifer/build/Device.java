package dev.aquifer.build;

import dev.aquifer.io.Sha256;

/**
 * A device slot of the image.
 *
 * @param id the id of the blob that the device holds
 * @param blocks its size
 */
record Device(Sha256 id, long blocks) {}
