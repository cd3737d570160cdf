package dev.aquifer.linux;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.FunctionDescriptor;
import java.lang.invoke.MethodHandle;

/**
 * {@code syscall(2)}, for system calls that older C libraries have no function for, and for those
 * that a short-lived command needs: linking one function is quicker than linking ten. The numbers
 * from 424 on are the same on all architectures.
 */
final class SystemCall {
  static final int PIDFD_SEND_SIGNAL = 424;
  static final int OPEN_TREE = 428;
  static final int MOVE_MOUNT = 429;
  static final int FSOPEN = 430;
  static final int FSCONFIG = 431;
  static final int FSMOUNT = 432;
  static final int PIDFD_OPEN = 434;
  static final int PIDFD_GETFD = 438;

  private static final MethodHandle SYSCALL =
      Native.variadic(
          "syscall",
          1,
          FunctionDescriptor.of(
              JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG));

  private SystemCall() {}

  /**
   * Makes the call; pointers are addresses of segments that the caller keeps alive.
   *
   * @param what the call with its arguments, for the message
   */
  static int call(String what, long number, long a, long b, long c, long d, long e)
      throws ErrnoException {
    return Native.check((int) call(number, a, b, c, d, e), () -> what);
  }

  /** Makes the call; a negative result means that {@link Native#errno} says what was wrong. */
  static long call(long number, long a, long b, long c, long d, long e) {
    try {
      return (long) SYSCALL.invokeExact(Native.capture(), number, a, b, c, d, e);
    } catch (Throwable thrown) {
      throw Native.unexpected(thrown);
    }
  }
}
