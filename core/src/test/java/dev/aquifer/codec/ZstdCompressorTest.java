package dev.aquifer.codec;

import java.util.List;

/** With the zstd tool. */
class ZstdCompressorTest extends CompressorContract {
  @Override
  List<String> compressions() {
    return List.of("zstd", "zstd,level=0", "zstd,level=12", "zstd,level=1,dictsize=1024");
  }

  @Override
  byte[] file(byte[] stream, byte[] plain) {
    return stream;
  }

  @Override
  List<String> decoder() {
    return List.of("zstd", "-dc");
  }
}
