package dev.aquifer.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.charset.Charset;
import java.nio.file.Path;
import java.util.function.Supplier;

/**
 * How this package calls the C library: method handles that capture errno, one capture segment a
 * thread. A call that may block runs on a platform thread only (a virtual thread would hold its
 * carrier), and nothing here is ever linked as critical.
 */
final class Native {
  private static final Linker LINKER = Linker.nativeLinker();
  private static final StructLayout CAPTURE = Linker.Option.captureStateLayout();
  private static final ThreadLocal<MemorySegment> CAPTURED =
      ThreadLocal.withInitial(() -> Arena.ofAuto().allocate(CAPTURE));

  /** How this JVM turns the text of a {@link Path} into bytes. */
  private static final Charset FILE_NAMES =
      Charset.forName(System.getProperty("sun.jnu.encoding", "UTF-8"));

  private Native() {}

  /** The C function {@code name}; the handle's first parameter is {@link #capture()}. */
  static MethodHandle function(String name, FunctionDescriptor descriptor) {
    return LINKER.downcallHandle(
        LINKER.defaultLookup().findOrThrow(name),
        descriptor,
        Linker.Option.captureCallState("errno"));
  }

  /** The C function {@code name} whose parameters from {@code firstVariadic} on are variadic. */
  static MethodHandle variadic(String name, int firstVariadic, FunctionDescriptor descriptor) {
    return LINKER.downcallHandle(
        LINKER.defaultLookup().findOrThrow(name),
        descriptor,
        Linker.Option.captureCallState("errno"),
        Linker.Option.firstVariadicArg(firstVariadic));
  }

  /** Where the calling thread's errno is captured. */
  static MemorySegment capture() {
    return CAPTURED.get();
  }

  /**
   * The result of a call whose failure is a negative number.
   *
   * @param call what was called, for the message
   */
  static int check(int result, Supplier<String> call) throws ErrnoException {
    if (result < 0) {
      int errno = errno();
      throw new ErrnoException(call.get(), errno);
    }
    return result;
  }

  /** {@code path} as the C library wants it: the bytes of the file system, then a zero. */
  static MemorySegment path(Arena arena, Path path) {
    byte[] bytes = path.toString().getBytes(FILE_NAMES);
    MemorySegment text = arena.allocate(bytes.length + 1L);
    MemorySegment.copy(bytes, 0, text, ValueLayout.JAVA_BYTE, 0, bytes.length);
    return text;
  }

  /** What a method handle threw: an IOException as it is, anything else is a bug or an error. */
  static ErrnoException rethrow(Throwable thrown) throws ErrnoException {
    if (thrown instanceof ErrnoException e) {
      throw e;
    }
    throw unexpected(thrown);
  }

  /** What a method handle threw that declares nothing. */
  static RuntimeException unexpected(Throwable thrown) {
    if (thrown instanceof Error error) {
      throw error;
    }
    return thrown instanceof RuntimeException e ? e : new IllegalStateException(thrown);
  }

  /** The errno of the calling thread's last call. */
  static int errno() {
    return CAPTURED.get().get(ValueLayout.JAVA_INT, 0);
  }
}
