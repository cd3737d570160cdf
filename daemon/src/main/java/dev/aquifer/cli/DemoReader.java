package dev.aquifer.cli;

import java.io.IOException;

/**
 * One way to use an image at an origin without downloading it: through the kernel, or within this
 * process.
 */
interface DemoReader {
  /** What {@code demo --json} calls it. */
  String mode();

  /**
   * Makes the image at {@code url} readable as member {@code fsid} of the demo's domain, and uses
   * it.
   *
   * @param isSecond whether it is the image with the application
   * @return what happened, in one line
   * @throws IOException if anything that was read is not what it must be
   */
  String use(String url, String fsid, boolean isSecond) throws IOException, InterruptedException;
}
