package dev.aquifer.cli;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ByteCountTest {
  @ParameterizedTest
  @CsvSource({
    "0, 0 B",
    "1023, 1023 B",
    "1024, 1.00 KiB",
    "10234, 9.99 KiB",
    "10240, 10.0 KiB",
    "102348, 99.9 KiB",
    "102400, 100 KiB",
    "1022976, 999 KiB",
    "1023488, 0.98 MiB",
    "1048576, 1.00 MiB",
    "317718528, 303 MiB",
    "9223372036854775807, 8.00 EiB",
  })
  void hasThreeDigitsAndAUnit(long bytes, String expected) {
    assertThat(ByteCount.text(bytes)).isEqualTo(expected);
  }
}
