package dev.aquifer.codec;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;

/** With the lz4 tool, whose old format has blocks without much around them. */
class Lz4CompressorTest extends CompressorContract {
  private static final int MAGIC = 0x184c2102;

  @Override
  List<String> compressions() {
    return List.of("lz4", "lz4hc,level=1", "lz4hc", "lz4hc,level=12");
  }

  @Override
  byte[] file(byte[] stream, byte[] plain) {
    return ByteBuffer.allocate(2 * Integer.BYTES + stream.length)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putInt(MAGIC)
        .putInt(stream.length)
        .put(stream)
        .array();
  }

  @Override
  List<String> decoder() {
    return List.of("lz4", "-dc");
  }
}
