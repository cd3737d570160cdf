package dev.aquifer.linux;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * Processes by descriptor: start one that holds a descriptor of ours, take a descriptor from one,
 * end one. Stateless and safe for use by many threads.
 */
public final class Processes {
  private static final int SETSIGMASK = 0x08;
  private static final int SETSID = 0x80;
  private static final int O_WRONLY = 1;
  private static final int SIGKILL = 9;
  private static final int WNOHANG = 1;
  // Room for glibc's opaque structures: 80, 336 and 128 bytes.
  private static final long STRUCT_BYTES = 1024;

  private static final MethodHandle SPAWN =
      status("posix_spawn", ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS);
  private static final MethodHandle ACTIONS_INIT = status("posix_spawn_file_actions_init", ADDRESS);
  private static final MethodHandle ACTIONS_DESTROY =
      status("posix_spawn_file_actions_destroy", ADDRESS);
  private static final MethodHandle ACTIONS_DUP2 =
      status("posix_spawn_file_actions_adddup2", ADDRESS, JAVA_INT, JAVA_INT);
  private static final MethodHandle ACTIONS_OPEN =
      status("posix_spawn_file_actions_addopen", ADDRESS, JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT);
  private static final MethodHandle ACTIONS_CLOSE_FROM =
      status("posix_spawn_file_actions_addclosefrom_np", ADDRESS, JAVA_INT);
  private static final MethodHandle ATTRIBUTES_INIT = status("posix_spawnattr_init", ADDRESS);
  private static final MethodHandle ATTRIBUTES_DESTROY = status("posix_spawnattr_destroy", ADDRESS);
  private static final MethodHandle ATTRIBUTES_FLAGS =
      status("posix_spawnattr_setflags", ADDRESS, JAVA_SHORT);
  private static final MethodHandle ATTRIBUTES_MASK =
      status("posix_spawnattr_setsigmask", ADDRESS, ADDRESS);
  private static final MethodHandle PIPE = status("pipe2", ADDRESS, JAVA_INT);
  private static final MethodHandle WAITPID = status("waitpid", JAVA_INT, ADDRESS, JAVA_INT);

  private Processes() {}

  private static MethodHandle status(String name, MemoryLayout... parameters) {
    return Native.function(name, FunctionDescriptor.of(JAVA_INT, parameters));
  }

  /**
   * A program that was started.
   *
   * @param pid its process id; the caller reaps it with {@link #reap}
   * @param inputFd what is written here comes to its standard input, which ends when this
   *     descriptor is closed: at the latest with this process
   */
  public record Child(int pid, int inputFd) {}

  /**
   * Starts a program in a session of its own, without a working standard output, that has {@code
   * heldFd} as its descriptor 3.
   *
   * @param arguments the path of the program, then its arguments
   * @param environment {@code NAME=value}
   */
  public static Child spawnHolding(int heldFd, List<String> arguments, List<String> environment)
      throws ErrnoException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment pipe = arena.allocate(8, 4);
      Native.check(
          (int) PIPE.invokeExact(Native.capture(), pipe, Descriptors.O_CLOEXEC), () -> "pipe2");
      int reader = pipe.get(JAVA_INT, 0);
      int writer = pipe.get(JAVA_INT, 4);
      try {
        return new Child(spawn(arena, reader, heldFd, arguments, environment), writer);
      } catch (Throwable e) {
        Descriptors.close(writer);
        throw e;
      } finally {
        Descriptors.close(reader);
      }
    } catch (Throwable e) {
      throw Native.rethrow(e);
    }
  }

  private static int spawn(
      Arena arena, int reader, int heldFd, List<String> arguments, List<String> environment)
      throws Throwable {
    MemorySegment actions = arena.allocate(STRUCT_BYTES, 16);
    MemorySegment attributes = arena.allocate(STRUCT_BYTES, 16);
    MemorySegment mask = arena.allocate(STRUCT_BYTES, 16);
    MemorySegment nowhere = arena.allocateFrom("/dev/null");
    done("actions_init", (int) ACTIONS_INIT.invokeExact(Native.capture(), actions));
    done("attr_init", (int) ATTRIBUTES_INIT.invokeExact(Native.capture(), attributes));
    try {
      // Java has 0 to 3 open itself, so that no step overwrites what a later one needs.
      dup(actions, reader, 0);
      dup(actions, heldFd, 3);
      for (int fd = 1; fd <= 2; fd++) {
        done(
            "addopen",
            (int) ACTIONS_OPEN.invokeExact(Native.capture(), actions, fd, nowhere, O_WRONLY, 0));
      }
      done("closefrom", (int) ACTIONS_CLOSE_FROM.invokeExact(Native.capture(), actions, 4));
      done("setsigmask", (int) ATTRIBUTES_MASK.invokeExact(Native.capture(), attributes, mask));
      short flags = SETSIGMASK | SETSID;
      done("setflags", (int) ATTRIBUTES_FLAGS.invokeExact(Native.capture(), attributes, flags));
      MemorySegment pid = arena.allocate(4, 4);
      MemorySegment program = arena.allocateFrom(arguments.get(0));
      done(
          "(" + arguments.get(0) + ")",
          (int)
              SPAWN.invokeExact(
                  Native.capture(),
                  pid,
                  program,
                  actions,
                  attributes,
                  strings(arena, arguments),
                  strings(arena, environment)));
      return pid.get(JAVA_INT, 0);
    } finally {
      int unused = (int) ACTIONS_DESTROY.invokeExact(Native.capture(), actions);
      unused = (int) ATTRIBUTES_DESTROY.invokeExact(Native.capture(), attributes);
    }
  }

  private static void dup(MemorySegment actions, int from, int to) throws Throwable {
    done("adddup2", (int) ACTIONS_DUP2.invokeExact(Native.capture(), actions, from, to));
  }

  /** These functions return the errno itself. */
  private static void done(String call, int errno) throws ErrnoException {
    if (errno != 0) {
      throw new ErrnoException("posix_spawn " + call, errno);
    }
  }

  private static MemorySegment strings(Arena arena, List<String> strings) {
    MemorySegment array = arena.allocate(8L * (strings.size() + 1), 8);
    for (int i = 0; i < strings.size(); i++) {
      array.setAtIndex(ADDRESS, i, arena.allocateFrom(strings.get(i)));
    }
    return array;
  }

  /**
   * A descriptor of the process {@code pid}: it never means another one, and is readable when the
   * process has ended.
   *
   * @throws ErrnoException ESRCH if there is none
   */
  public static int open(int pid) throws ErrnoException {
    return SystemCall.call("pidfd_open(" + pid + ")", SystemCall.PIDFD_OPEN, pid, 0, 0, 0, 0);
  }

  /** A duplicate, in this process, of descriptor {@code fd} of the process. */
  public static int takeDescriptor(int processFd, int fd) throws ErrnoException {
    return SystemCall.call(
        "pidfd_getfd(" + fd + ")", SystemCall.PIDFD_GETFD, processFd, fd, 0, 0, 0);
  }

  /** Ends the process with SIGKILL; it is gone when its descriptor is readable. */
  public static void kill(int processFd) throws ErrnoException {
    SystemCall.call(
        "pidfd_send_signal(SIGKILL)", SystemCall.PIDFD_SEND_SIGNAL, processFd, SIGKILL, 0, 0, 0);
  }

  /** Sends {@code line} to the standard input of a child; it may be gone. */
  public static void tell(Child child, String line) {
    try (Arena arena = Arena.ofConfined()) {
      byte[] bytes = (line + "\n").getBytes(StandardCharsets.US_ASCII);
      long unused = Descriptors.write(child.inputFd(), arena.allocateFrom(JAVA_BYTE, bytes));
    }
  }

  /** Clears away an ended child of this process. */
  public static void reap(int pid) {
    try {
      int unused = (int) WAITPID.invokeExact(Native.capture(), pid, MemorySegment.NULL, WNOHANG);
    } catch (Throwable e) {
      throw Native.unexpected(e);
    }
  }
}
