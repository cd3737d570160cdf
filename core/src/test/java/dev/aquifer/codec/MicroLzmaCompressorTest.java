package dev.aquifer.codec;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;

/** With liblzma, by the xz tool. */
class MicroLzmaCompressorTest extends CompressorContract {
  private static final int DICTIONARY_BYTES = 8 << 20;

  @Override
  List<String> compressions() {
    return List.of("lzma", "lzma,level=0", "lzma,level=103,dictsize=4096");
  }

  @Override
  byte[] file(byte[] stream, byte[] plain) {
    byte properties = (byte) ~stream[0];
    stream[0] = 0;
    return ByteBuffer.allocate(1 + Integer.BYTES + Long.BYTES + stream.length)
        .order(ByteOrder.LITTLE_ENDIAN)
        .put(properties)
        .putInt(DICTIONARY_BYTES)
        .putLong(plain.length)
        .put(stream)
        .array();
  }

  @Override
  List<String> decoder() {
    return List.of("xz", "--format=lzma", "-dc");
  }

  @Override
  boolean joins() {
    return false;
  }
}
