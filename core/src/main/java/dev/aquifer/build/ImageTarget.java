package dev.aquifer.build;

import java.io.Closeable;
import java.io.IOException;

/** Where an image of one file goes. Closing it leaves nothing of what was not committed. */
interface ImageTarget extends Closeable, Commit {
  /** The image. */
  OutputFile file();

  /** A new file for what is needed meanwhile, which its user deletes. */
  OutputFile scratch(String name) throws IOException;
}
