package dev.aquifer.blob;

import static org.assertj.core.api.Assertions.assertThat;

import dev.aquifer.io.BackendException;
import org.junit.jupiter.api.Test;

class CircuitsTest {
  private static final BackendException DOWN = new BackendException("http://a/x: 503", true, null);

  @Test
  void whoFailedIsLeftAloneAndSaysSinceWhenAndWhy() {
    Circuits circuits = new Circuits(60_000);
    assertThat(circuits.refusal("http://a")).isNull();
    circuits.failed("http://a", DOWN);
    assertThat(circuits.isFailing("http://a")).isTrue();
    assertThat(circuits.refusal("http://a"))
        .message()
        .matches("http://a: failing since \\S+Z, asked again in \\d+ ms: http://a/x: 503");
    assertThat(circuits.refusal("http://b")).isNull();
    assertThat(circuits.answered("http://a")).isTrue();
    assertThat(circuits.answered("http://a")).isFalse();
    assertThat(circuits.refusal("http://a")).isNull();
  }

  @Test
  void isAskedAgainAfterAWhileAndFailsUntilItAnswers() {
    Circuits circuits = new Circuits(0);
    circuits.failed("http://a", DOWN);
    assertThat(circuits.refusal("http://a")).isNull();
    assertThat(circuits.isFailing("http://a")).isTrue();
    circuits.failed("http://a", DOWN);
    assertThat(circuits.isFailing("http://a")).isTrue();
  }

  @Test
  void remembersNoMoreThanSome() {
    Circuits circuits = new Circuits(0);
    for (int i = 0; i <= 1000; i++) {
      circuits.failed("http://a" + i, DOWN);
    }
    assertThat(circuits.isFailing("http://a0")).isFalse();
    assertThat(circuits.isFailing("http://a1000")).isTrue();
  }
}
