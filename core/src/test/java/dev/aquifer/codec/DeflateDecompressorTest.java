package dev.aquifer.codec;

import java.io.ByteArrayOutputStream;
import java.util.zip.Deflater;

class DeflateDecompressorTest extends DecompressorContract {
  @Override
  Algorithm algorithm() {
    return Algorithm.DEFLATE;
  }

  @Override
  byte[] encode(byte[] plain) {
    try (Deflater deflater = new Deflater(9, true)) {
      deflater.setInput(plain);
      deflater.finish();
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      byte[] buffer = new byte[1000];
      while (!deflater.finished()) {
        out.write(buffer, 0, deflater.deflate(buffer));
      }
      return out.toByteArray();
    }
  }
}
