package dev.aquifer.codec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class CompressionTest {
  /** Defaults from the help of mkfs.erofs 1.9.3. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "lz4|LZ4|-1|0|lz4",
        "lz4hc|LZ4|9|0|lz4hc",
        "lz4hc,12|LZ4|12|0|lz4hc,level=12",
        "lz4hc,level=0|LZ4|0|0|lz4hc,level=0",
        "lzma|MICROLZMA|6|0|lzma",
        "lzma,level=109,dictsize=8388608|MICROLZMA|109|8388608|lzma,level=109,dictsize=8388608",
        "lzma,dictsize=4096|MICROLZMA|6|4096|lzma,dictsize=4096",
        "deflate|DEFLATE|1|0|deflate",
        "deflate,level=9,dictsize=32768|DEFLATE|9|32768|deflate,level=9,dictsize=32768",
        "zstd|ZSTD|3|0|zstd",
        "zstd,level=22,dictsize=1048576|ZSTD|22|1048576|zstd,level=22,dictsize=1048576",
      })
  void readsWhatMkfsTakes(
      String text, Algorithm algorithm, int level, int dictionaryBytes, String shown) {
    Compression compression = Compression.parse(text);
    assertThat(compression).isEqualTo(new Compression(algorithm, level, dictionaryBytes));
    assertThat(compression).hasToString(shown);
    assertThat(Compression.parse(shown)).isEqualTo(compression);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "gzip",
        "LZ4",
        "lz4,level=1",
        "lz4,1",
        "lz4,",
        "lz4hc,level=13",
        "lz4hc,level=-1",
        "lz4hc,level=",
        "lz4hc,dictsize=65536",
        "lzma,level=10",
        "lzma,level=99",
        "lzma,level=110",
        "lzma,dictsize=4095",
        "lzma,dictsize=8388609",
        "lzma,lc=4",
        "deflate,level=10",
        "deflate,dictsize=16384",
        "zstd,level=23",
        "zstd,dictsize=65535",
        "zstd,dictsize=2097152",
        "zstd,dictsize=99999999999",
        "zstd,dictsize=1024,9",
      })
  void refusesWhatThereIsNot(String text) {
    assertThatThrownBy(() -> Compression.parse(text))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("expected")
        .hasMessageNotContaining("\n");
  }

  /** What mkfs.erofs 1.9.3 writes into superblocks for clusters of these sizes. */
  @Test
  void dictionariesGrowWithClusters() {
    assertThat(Compression.parse("zstd").dictionaryBytes(4096)).isEqualTo(1 << 15);
    assertThat(Compression.parse("zstd").dictionaryBytes(12_288)).isEqualTo(1 << 16);
    assertThat(Compression.parse("zstd").dictionaryBytes(1 << 20)).isEqualTo(1 << 20);
    assertThat(Compression.parse("zstd,dictsize=4096").dictionaryBytes(1 << 20)).isEqualTo(4096);
    assertThat(Compression.parse("lzma").dictionaryBytes(4096)).isEqualTo(1 << 15);
    assertThat(Compression.parse("lzma").dictionaryBytes(65_536)).isEqualTo(1 << 18);
    assertThat(Compression.parse("lzma").dictionaryBytes(1 << 20)).isEqualTo(1 << 22);
    assertThat(Compression.parse("deflate").dictionaryBytes(4096)).isEqualTo(1 << 15);
    assertThat(Compression.parse("lz4").dictionaryBytes(4096)).isEqualTo(65_535);
  }
}
