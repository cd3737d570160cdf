package dev.aquifer.codec;

import com.github.luben.zstd.Zstd;

class ZstdDecompressorTest extends DecompressorContract {
  @Override
  Algorithm algorithm() {
    return Algorithm.ZSTD;
  }

  @Override
  byte[] encode(byte[] plain) {
    return Zstd.compress(plain, 9);
  }
}
