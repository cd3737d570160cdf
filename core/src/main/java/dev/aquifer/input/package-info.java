/** What images are built from besides directories: archives, container images, trees in memory. */
@NullMarked
package dev.aquifer.input;

import org.jspecify.annotations.NullMarked;
