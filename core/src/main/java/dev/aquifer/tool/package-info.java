/** What is done with whole images: walking, listing, checking, comparing, extracting. */
@NullMarked
package dev.aquifer.tool;

import org.jspecify.annotations.NullMarked;
