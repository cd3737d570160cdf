package dev.aquifer.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

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

  /** The errno of the calling thread's last call. */
  static int errno() {
    return CAPTURED.get().get(ValueLayout.JAVA_INT, 0);
  }
}
