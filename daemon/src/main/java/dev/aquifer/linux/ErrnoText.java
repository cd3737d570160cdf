package dev.aquifer.linux;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import org.jspecify.annotations.Nullable;

/** What the C library calls an error number, in English whatever the locale. */
final class ErrnoText {
  private static final @Nullable MethodHandle NAME = find("strerrorname_np");
  private static final @Nullable MethodHandle TEXT = find("strerrordesc_np");

  private ErrnoText() {}

  /** The form {@code EBUSY (Device or resource busy)}; {@code errno 16} with an old C library. */
  static String of(int errno) {
    String name = call(NAME, errno);
    String text = call(TEXT, errno);
    return name == null || text == null ? "errno " + errno : name + " (" + text + ")";
  }

  // glibc has these functions since 2.32; other libraries may lack them.
  private static @Nullable MethodHandle find(String name) {
    Linker linker = Linker.nativeLinker();
    return linker
        .defaultLookup()
        .find(name)
        .map(
            symbol ->
                linker.downcallHandle(
                    symbol, FunctionDescriptor.of(ValueLayout.ADDRESS, ValueLayout.JAVA_INT)))
        .orElse(null);
  }

  private static @Nullable String call(@Nullable MethodHandle function, int errno) {
    if (function == null) {
      return null;
    }
    try {
      MemorySegment text = (MemorySegment) function.invokeExact(errno);
      return text.address() == 0 ? null : text.reinterpret(256).getString(0);
    } catch (Throwable e) {
      throw Native.unexpected(e);
    }
  }
}
