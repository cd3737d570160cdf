package dev.aquifer.testing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.opentest4j.AssertionFailedError;
import org.opentest4j.TestAbortedException;

class RequiresTest {
  @Test
  void passesWhenTheConditionHolds() {
    assertThatCode(() -> Requires.that(true, "never seen", true)).doesNotThrowAnyException();
  }

  @Test
  void skipsAndSaysWhy() {
    assertThatThrownBy(() -> Requires.that(false, "needs a moon", false))
        .isInstanceOf(TestAbortedException.class)
        .hasMessageContaining("needs a moon");
  }

  @Test
  void failsInsteadOfSkippingWhereTheEnvironmentDemandsIt() {
    assertThatThrownBy(() -> Requires.that(false, "needs a moon", true))
        .isInstanceOf(AssertionFailedError.class)
        .hasMessageContaining("needs a moon");
  }

  @Test
  void findsToolsOnThePath() {
    assertThat(Requires.hasTool("sh")).isTrue();
    assertThat(Requires.hasTool("no-such-program-anywhere")).isFalse();
  }
}
