/** Makes one image visible at a directory, and answers the kernel's misses. */
@NullMarked
package dev.aquifer.mount;

import org.jspecify.annotations.NullMarked;
