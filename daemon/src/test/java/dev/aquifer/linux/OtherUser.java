package dev.aquifer.linux;

import java.util.concurrent.Callable;
import java.util.concurrent.FutureTask;

/** Does things to files as a user who is not root. */
public final class OtherUser {
  /** The number of the user. */
  public static final int UID = 65534;

  private OtherUser() {}

  /**
   * Runs {@code work} in a thread whose file system calls, and those of threads it starts, are the
   * user's; needs root.
   */
  public static <T> T run(Callable<T> work) throws Exception {
    FutureTask<T> task =
        new FutureTask<>(
            () -> {
              SystemCall.call(setFsUid(), UID, 0, 0, 0, 0);
              return work.call();
            });
    Thread thread = new Thread(task);
    thread.start();
    thread.join();
    return task.get();
  }

  private static long setFsUid() {
    return System.getProperty("os.arch").equals("aarch64") ? 151 : 122;
  }
}
