/** The composition root: domains, mounts and the control API. */
@NullMarked
package dev.aquifer.daemon;

import org.jspecify.annotations.NullMarked;
