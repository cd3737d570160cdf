package dev.aquifer.build;

import java.io.IOException;
import java.util.List;

/** Data of files that an image refers to: it is on devices, and stays there. */
interface Elsewhere {
  /** No devices. */
  Elsewhere NOTHING =
      new Elsewhere() {
        @Override
        public List<Device> devices() {
          return List.of();
        }

        @Override
        public void place(Node file, Spool spool) {}
      };

  /** The device slots of the image; the first one is device 1. */
  List<Device> devices();

  /**
   * Sets where the data of a regular file is, that is not empty; or nothing, if the image must have
   * it itself.
   *
   * @param spool takes what lies inline
   * @throws IOException if neither is possible; the message names the file
   */
  void place(Node file, Spool spool) throws IOException;
}
