package dev.aquifer.cli;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ByteRangeTest {
  // Expected values: RFC 9110, sections 14.1.2 and 14.4.
  @ParameterizedTest
  @CsvSource({
    "bytes=0-499, 10000, 0, 500",
    "bytes=500-999, 10000, 500, 500",
    "bytes=-500, 10000, 9500, 500",
    "bytes=9500-, 10000, 9500, 500",
    "bytes=0-0, 10000, 0, 1",
    "bytes=-1, 10000, 9999, 1",
    "bytes=9999-20000, 10000, 9999, 1",
    "bytes=-20000, 10000, 0, 10000",
    "BYTES=0-1, 10, 0, 2",
    "bytes=0-999999999999999999, 10, 0, 10",
  })
  void readsARange(String header, long size, long start, long length) {
    assertThat(ByteRange.parse(header, size)).isEqualTo(new ByteRange(start, length));
  }

  @ParameterizedTest
  @CsvSource({"bytes=10-, 10", "bytes=10-20, 10", "bytes=-0, 10", "bytes=0-, 0", "bytes=-5, 0"})
  void tellsWhatLiesBeyondTheEnd(String header, long size) {
    ByteRange range = ByteRange.parse(header, size);

    assertThat(range).isNotNull();
    assertThat(range.isSatisfiable()).isFalse();
    assertThat(range.contentRange(size)).isEqualTo("bytes */" + size);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      value = {
        "bytes=5-4",
        "bytes=-",
        "bytes=a-b",
        "bytes=0-1,3-4",
        "lines=0-1",
        "bytes 0-1",
        "bytes=1234567890123456789-"
      })
  void ignoresWhatIsNoSingleRange(String header) {
    assertThat(ByteRange.parse(header, 100)).isNull();
  }
}
