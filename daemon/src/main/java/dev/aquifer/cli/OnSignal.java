package dev.aquifer.cli;

import dev.aquifer.daemon.ErrorText;
import java.io.Closeable;
import java.io.IOException;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * What to do when the process is told to end (SIGINT, SIGTERM, SIGHUP) while this object is open.
 * Java then runs shutdown hooks, beside the threads that are still at work, and exits with 128 and
 * the signal's number.
 */
final class OnSignal implements Closeable {
  private static final int INTERRUPT_SECONDS = 30;

  private final Thread hook;
  private final CountDownLatch closed = new CountDownLatch(1);

  private OnSignal(Consumer<OnSignal> action) {
    this.hook = new Thread(() -> action.accept(this), "aquifer-on-signal");
    Runtime.getRuntime().addShutdownHook(hook);
  }

  /**
   * {@link #interrupt(String)} while new files are made under hidden names beside their own.
   *
   * @param doing what the hidden names say, such as {@code building}
   * @param outputs the files; null for one that is not wanted
   */
  static OnSignal interrupt(String doing, @Nullable Path... outputs) {
    return interrupt(
        Arrays.stream(outputs)
            .filter(Objects::nonNull)
            .map(output -> "." + output.getFileName() + "." + doing + "-*")
            .collect(Collectors.joining(" and ")));
  }

  /**
   * Interrupts the calling thread, waits until it has put its work away and closes this object, and
   * exits as usual after a signal.
   *
   * @param leftover what may be left where the thread does not end its work
   */
  static OnSignal interrupt(String leftover) {
    Thread worker = Thread.currentThread();
    return new OnSignal(
        signal -> {
          worker.interrupt();
          if (!signal.waitUntilClosed()) {
            // It may hang in a read, of a network file system for example.
            System.err.println(
                "aquifer: ended while something still reads or writes: remove " + leftover);
          }
        });
  }

  private boolean waitUntilClosed() {
    try {
      return closed.await(INTERRUPT_SECONDS, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      return false;
    }
  }

  /** Closes {@code resource} and exits as usual after a signal. */
  static OnSignal close(Closeable resource) {
    return new OnSignal(signal -> closeNow(resource));
  }

  /** Closes {@code resource} and exits with {@code exitCode}; at once at a second signal. */
  static OnSignal endWith(ExitCode exitCode, Closeable resource) {
    return new OnSignal(
        signal -> {
          haltAtNext("TERM", 15);
          haltAtNext("INT", 2);
          closeNow(resource);
          Runtime.getRuntime().halt(exitCode.number());
        });
  }

  /**
   * The JDK has no other way to be told of a second signal. By reflection, as the compiler warns of
   * any use of the class, and without it the first signal works as before.
   */
  private static void haltAtNext(String name, int number) {
    try {
      Class<?> signal = Class.forName("sun.misc.Signal");
      Class<?> handler = Class.forName("sun.misc.SignalHandler");
      InvocationHandler halt =
          (proxy, method, arguments) -> {
            Runtime.getRuntime().halt(128 + number);
            return null;
          };
      Object unused =
          signal
              .getMethod("handle", signal, handler)
              .invoke(
                  null,
                  signal.getConstructor(String.class).newInstance(name),
                  Proxy.newProxyInstance(
                      OnSignal.class.getClassLoader(), new Class<?>[] {handler}, halt));
    } catch (ReflectiveOperationException | RuntimeException e) {
      // Then a second signal waits for the first.
    }
  }

  private static void closeNow(Closeable resource) {
    try {
      resource.close();
    } catch (IOException | RuntimeException e) {
      System.err.println("aquifer: while ending: " + ErrorText.of(e));
    }
  }

  /** From now on a signal does nothing here. If one came, never returns: the process ends. */
  @Override
  public void close() {
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException e) {
      // Shutting down. Were this thread to go on, it could end the process with another exit code.
      closed.countDown();
      while (true) {
        // An interrupted thread would not be parked.
        Thread.interrupted();
        LockSupport.park(this);
      }
    }
  }
}
