/**
 * Opens any image, local or remote, by one reference; and shows images as file systems of {@code
 * java.nio.file}.
 */
@NullMarked
package dev.aquifer.nio;

import org.jspecify.annotations.NullMarked;
