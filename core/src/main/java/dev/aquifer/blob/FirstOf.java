package dev.aquifer.blob;

import dev.aquifer.io.BackendException;
import dev.aquifer.io.CorruptDataException;
import java.io.IOException;
import java.util.List;
import java.util.Objects;

/** Asks one origin after the other, until one gives what proves. */
final class FirstOf {
  private FirstOf() {}

  /** Asks one. */
  interface Question<S, T> {
    T ask(S source) throws IOException;
  }

  /**
   * The first answer.
   *
   * @param sources at least one
   * @throws IOException if none gives one: the first one's failure, which has the others'
   *     suppressed
   */
  static <S, T> T answer(List<S> sources, Question<S, T> question) throws IOException {
    IOException first = null;
    for (S source : sources) {
      try {
        return question.ask(source);
      } catch (BackendException | CorruptDataException e) {
        if (first == null) {
          first = e;
        } else {
          first.addSuppressed(e);
        }
      }
    }
    throw Objects.requireNonNull(first);
  }
}
