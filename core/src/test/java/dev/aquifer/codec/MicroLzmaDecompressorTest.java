package dev.aquifer.codec;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import org.tukaani.xz.LZMA2Options;
import org.tukaani.xz.LZMAOutputStream;

class MicroLzmaDecompressorTest extends DecompressorContract {
  @Override
  Algorithm algorithm() {
    return Algorithm.MICROLZMA;
  }

  @Override
  byte[] encode(byte[] plain) throws IOException {
    LZMA2Options options = new LZMA2Options(6);
    options.setDictSize(1 << 17);
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (LZMAOutputStream lzma = new LZMAOutputStream(out, options, false)) {
      lzma.write(plain);
    }
    byte[] stream = out.toByteArray();
    int properties = (options.getPb() * 5 + options.getLp()) * 9 + options.getLc();
    stream[0] = (byte) ~properties;
    return stream;
  }
}
