package dev.aquifer.linux;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;

/** A working directory for one thread. */
public final class Directories {
  private static final int CLONE_FS = 0x200;

  private static final MethodHandle UNSHARE =
      Native.function("unshare", FunctionDescriptor.of(JAVA_INT, JAVA_INT));
  private static final MethodHandle CHDIR =
      Native.function("chdir", FunctionDescriptor.of(JAVA_INT, ADDRESS));

  private Directories() {}

  /**
   * Gives the calling thread, a platform thread made for this and ended soon, a working directory
   * that is no longer that of the process. Java code does not notice: it resolves relative paths by
   * itself.
   */
  public static void enter(Path directory) throws ErrnoException {
    try (Arena arena = Arena.ofConfined()) {
      Native.check(
          (int) UNSHARE.invokeExact(Native.capture(), CLONE_FS), () -> "unshare(CLONE_FS)");
      Native.check(
          (int) CHDIR.invokeExact(Native.capture(), Native.path(arena, directory)),
          () -> "chdir(" + directory + ")");
    } catch (Throwable e) {
      throw Native.rethrow(e);
    }
  }
}
