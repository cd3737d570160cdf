package dev.aquifer.codec;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

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

  /** How much of the input it copies is a guess from the calls before, and must not show. */
  @Test
  void remembersNothing() throws Exception {
    Random random = new Random(5);
    Map<String, byte[]> samples = samples(random);
    for (String compression : compressions()) {
      try (Compressor compressor = Compression.parse(compression).open();
          Arena arena = Arena.ofConfined()) {
        MemorySegment zeros = arena.allocate(500_000);
        for (String name : List.of("text", "program", "mixed")) {
          byte[] plain = samples.get(name);
          MemorySegment src = arena.allocate(plain.length).copyFrom(MemorySegment.ofArray(plain));
          for (int i = 0; i < 100; i++) {
            int start = random.nextInt(plain.length / 2);
            MemorySegment one = arena.allocate(100 + random.nextInt(5000));
            MemorySegment other = arena.allocate(one.byteSize());
            compressor.start(src);
            compressor.compress(0, plain.length, arena.allocate(1));
            Fitted few = compressor.compress(start, plain.length, one);
            compressor.start(zeros);
            compressor.compress(0, 500_000, arena.allocate(4096));
            compressor.start(src);
            compressor.compress(random.nextInt(plain.length), plain.length, arena.allocate(4096));
            Fitted many = compressor.compress(start, plain.length, other);
            assertThat(many).isEqualTo(few);
            assertThat(one.mismatch(other)).isEqualTo(-1);
          }
        }
      }
    }
  }
}
