/** The only place that calls native code: system calls of Linux, and their errors. */
@NullMarked
package dev.aquifer.linux;

import org.jspecify.annotations.NullMarked;
