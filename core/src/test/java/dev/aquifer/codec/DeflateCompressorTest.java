package dev.aquifer.codec;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.zip.CRC32;

/** With gzip, which has an inflate of its own. */
class DeflateCompressorTest extends CompressorContract {
  private static final byte[] HEADER = {0x1f, (byte) 0x8b, 8, 0, 0, 0, 0, 0, 0, 3};

  @Override
  List<String> compressions() {
    return List.of("deflate", "deflate,level=6", "deflate,level=9");
  }

  @Override
  byte[] file(byte[] stream, byte[] plain) {
    CRC32 crc = new CRC32();
    crc.update(plain);
    return ByteBuffer.allocate(HEADER.length + stream.length + 2 * Integer.BYTES)
        .order(ByteOrder.LITTLE_ENDIAN)
        .put(HEADER)
        .put(stream)
        .putInt((int) crc.getValue())
        .putInt(plain.length)
        .array();
  }

  @Override
  List<String> decoder() {
    return List.of("gzip", "-dc");
  }
}
