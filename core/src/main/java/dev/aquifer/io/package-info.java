/** Immutable random-access bytes, digests, little-endian access and the project's exceptions. */
@NullMarked
package dev.aquifer.io;

import org.jspecify.annotations.NullMarked;
