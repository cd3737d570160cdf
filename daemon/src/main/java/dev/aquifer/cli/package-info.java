/** The command line. */
@NullMarked
package dev.aquifer.cli;

import org.jspecify.annotations.NullMarked;
