package dev.aquifer.input;

import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Matches regular expressions of users with paths of any length. Java goes one call deeper for each
 * turn of a repeated group, and a thread's usual stack is full after some thousand.
 */
final class DeepMatch {
  private static final long STACK_BYTES = 512L << 20;

  private DeepMatch() {}

  /** Whether {@code pattern} takes the whole of {@code text}. */
  static boolean matches(Pattern pattern, String text) {
    return test(pattern.matcher(text), Matcher::matches);
  }

  /** Whether {@code pattern} is found in {@code text}. */
  static boolean find(Pattern pattern, String text) {
    return test(pattern.matcher(text), Matcher::find);
  }

  private static boolean test(Matcher matcher, Predicate<Matcher> test) {
    try {
      return test.test(matcher);
    } catch (StackOverflowError e) {
      FutureTask<Boolean> again = new FutureTask<>(() -> test.test(matcher.reset()));
      new Thread(null, again, "aquifer-match", STACK_BYTES).start();
      return result(again);
    }
  }

  private static boolean result(FutureTask<Boolean> task) {
    boolean interrupted = false;
    try {
      while (true) {
        try {
          return task.get();
        } catch (InterruptedException e) {
          interrupted = true;
        } catch (ExecutionException e) {
          throw new IllegalStateException("a regular expression could not be matched", e);
        }
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
