/**
 * The formats of an Aquifer image outside its EROFS metadata: blob objects with their span tables,
 * and the OCI image layout around them. What one side writes, the other reads.
 */
@NullMarked
package dev.aquifer.format;

import org.jspecify.annotations.NullMarked;
