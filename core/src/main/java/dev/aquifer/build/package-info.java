/** Builds images and their blobs from directory trees and archives, and checks them. */
@NullMarked
package dev.aquifer.build;

import org.jspecify.annotations.NullMarked;
