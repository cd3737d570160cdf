package dev.aquifer.blob;

import dev.aquifer.io.BackendException;
import dev.aquifer.io.CorruptDataException;
import dev.aquifer.io.UnsupportedFeatureException;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Asks one origin after the other, until one gives what proves. Where there are several, each is
 * asked once, then those that may yet answer are asked once more, and so on with growing pauses; a
 * single one is asked with its own retries.
 */
final class FirstOf {
  private static final RetryPolicy POLICY = RetryPolicy.DEFAULT;

  private FirstOf() {}

  /**
   * How to ask.
   *
   * @param isPatient whether to repeat what failed; else another origin is asked meanwhile
   * @param isLast whether this origin is not asked again
   */
  record Manner(boolean isPatient, boolean isLast) {
    /** What to ask of {@code backend}. */
    Backend of(Backend backend) {
      return isPatient ? backend : backend.withoutRetries();
    }
  }

  /** Asks one. */
  interface Question<S, T> {
    T ask(S source, Manner manner) throws IOException;
  }

  /** As the other, for somebody who waits until the end. */
  static <S, T> T answer(List<S> sources, Question<S, T> question) throws IOException {
    return answer(sources, () -> false, question);
  }

  /**
   * The first answer.
   *
   * @param sources at least one
   * @param isCancelled whether nobody waits any more
   * @throws IOException if none gives one: if data was damaged that, else the first failure; the
   *     others are suppressed in it
   */
  static <S, T> T answer(List<S> sources, BooleanSupplier isCancelled, Question<S, T> question)
      throws IOException {
    List<S> left = new ArrayList<>(sources);
    int rounds = sources.size() == 1 ? 1 : POLICY.maxAttempts();
    long startNanos = System.nanoTime();
    IOException failure = null;
    for (int round = 1; !left.isEmpty(); round++) {
      long elapsed = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - startNanos);
      boolean isLast = round == rounds || elapsed > POLICY.maxTotalMillis();
      Manner manner = new Manner(sources.size() == 1, isLast);
      for (S source : List.copyOf(left)) {
        try {
          return question.ask(source, manner);
        } catch (BackendException | CorruptDataException | UnsupportedFeatureException e) {
          failure = worse(failure, e);
          if (!(e instanceof BackendException b && b.isTransient())) {
            left.remove(source);
          }
          if (isCancelled.getAsBoolean()) {
            throw failure;
          }
        }
      }
      if (isLast) {
        break;
      }
      pause(POLICY.pauseMillis(round), isCancelled);
    }
    throw Objects.requireNonNull(failure);
  }

  private static IOException worse(@Nullable IOException before, IOException now) {
    if (before == null || before == now) {
      return now;
    }
    boolean isWorse =
        now instanceof CorruptDataException && !(before instanceof CorruptDataException);
    IOException kept = isWorse ? now : before;
    kept.addSuppressed(isWorse ? before : now);
    return kept;
  }

  private static void pause(long millis, BooleanSupplier isCancelled) throws IOException {
    try {
      boolean unused = RetryPolicy.pause(millis, isCancelled);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while waiting for an origin");
    }
  }
}
