package dev.aquifer.image;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Compares answers of the reader with those of the kernel, and keeps what differs. */
final class Agreement {
  private final List<String> differences = new ArrayList<>();
  private final Map<String, String> ourErrors = new HashMap<>();
  private final Map<String, String> kernelErrors = new HashMap<>();

  /** A question that may be refused. */
  interface Question<T> {
    T ask() throws IOException, InterruptedException;
  }

  /** What the reader answers, or null if it refuses, which it may do in its own ways only. */
  <T> @Nullable T ours(String what, Question<T> question) {
    try {
      return question.ask();
    } catch (IOException e) {
      assertThat(e.getMessage()).isNotBlank().doesNotContain("\n", "\0", "null");
      ourErrors.put(what, e.getClass().getSimpleName() + ": " + e.getMessage());
      return null;
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  /** What the kernel answers, or null if it refuses. */
  <T> @Nullable T kernels(String what, Question<T> question) {
    try {
      return question.ask();
    } catch (IOException e) {
      kernelErrors.put(what, String.valueOf(e.getMessage()));
      return null;
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  /** Notes if one answers and the other does not; returns whether both do. */
  boolean judge(String what, boolean isOurs, boolean isKernels) {
    if (isOurs && !isKernels) {
      add(what + ": the kernel refuses: " + kernelErrors.get(what));
    } else if (!isOurs && isKernels) {
      add(what + ": the reader refuses: " + ourErrors.get(what));
    }
    return isOurs && isKernels;
  }

  void same(String what, Object ours, Object kernels) {
    if (!ours.equals(kernels)) {
      add("%s: the reader shows %s: the kernel %s".formatted(what, ours, kernels));
    }
  }

  /** Asks both and compares; returns whether both answer. */
  boolean both(String what, Question<String> ours, Question<String> kernels) {
    String mine = ours(what, ours);
    String theirs = kernels(what, kernels);
    boolean isAnswered = judge(what, mine != null, theirs != null);
    if (isAnswered) {
      same(what, mine, theirs);
    }
    return isAnswered;
  }

  private void add(String difference) {
    if (!KnownDifference.explains(difference)) {
      differences.add(difference);
    }
  }

  List<String> differences() {
    return differences;
  }
}
