/** Fetches, verifies and keeps blobs: backends, the local cache, what is present. */
@NullMarked
package dev.aquifer.blob;

import org.jspecify.annotations.NullMarked;
