package dev.aquifer.io;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * Named places on the way of a mount and of a miss, at which a test lets the process fail or end.
 * Without a test they do nothing. Safe for use by many threads.
 */
public final class Failpoint {
  private static volatile @Nullable Hook hook;

  private Failpoint() {}

  /** What a test does at each place. */
  public interface Hook {
    /** Called with the name of the place, before what follows it. */
    void reached(String place) throws IOException;
  }

  /** Sets what is done from now on at every place; null for nothing. */
  public static void set(@Nullable Hook hook) {
    Failpoint.hook = hook;
  }

  /** The place {@code name} is reached. */
  public static void reach(String name) throws IOException {
    Hook now = hook;
    if (now != null) {
      now.reached(name);
    }
  }

  /** As {@link #reach}, where nothing may fail. */
  public static void reachQuietly(String name) {
    try {
      reach(name);
    } catch (IOException e) {
      throw new IllegalStateException("no failure is possible at " + name, e);
    }
  }
}
