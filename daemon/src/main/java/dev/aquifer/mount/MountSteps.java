package dev.aquifer.mount;

import java.io.IOException;

/** Is told how far a mount has come; a test lets it fail there. */
interface MountSteps {
  /** The steps, in their order. */
  enum Step {
    TARGET,
    JOIN,
    SOURCE,
    BOOTSTRAP,
    BLOBS,
    MARKS,
    CREATE,
    RECORD,
    ATTACH
  }

  /** Called before the step begins. */
  void reach(Step step) throws IOException;
}
