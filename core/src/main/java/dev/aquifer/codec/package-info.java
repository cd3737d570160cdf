/** Compresses and decompresses single streams, as EROFS stores them in its physical clusters. */
@NullMarked
package dev.aquifer.codec;

import org.jspecify.annotations.NullMarked;
