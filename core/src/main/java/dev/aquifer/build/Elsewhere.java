package dev.aquifer.build;

import java.io.IOException;
import java.util.List;

/** Data of files that an image does not have itself: it is on devices, or in a layer below. */
interface Elsewhere {
  /** The image has it all. */
  Elsewhere NOTHING =
      new Elsewhere() {
        @Override
        public List<Device> devices() {
          return List.of();
        }

        @Override
        public void place(Node file) {}
      };

  /** The device slots of the image; the first one is device 1. */
  List<Device> devices();

  /**
   * Sets the chunks of a regular file that is not empty, with {@link ChunkMap#WANTED} for those
   * that must be copied to the image; or nothing, if it must have them all.
   *
   * @throws IOException if neither is possible; the message names the file
   */
  void place(Node file) throws IOException;
}
