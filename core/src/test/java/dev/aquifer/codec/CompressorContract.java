package dev.aquifer.codec;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;

import dev.aquifer.testing.Requires;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What every compressor does: streams that others decode, as long as there is room. */
abstract class CompressorContract {
  private static final int GUARD_BYTES = 64;
  private static final int FEW = 30;
  private static final int[] SIZES = {1, 2, 7, 16, 17, 31, 64, 100, 333, 1000, 4096, 65_536};

  @TempDir Path scratch;

  /** As in {@link Compression#parse}. */
  abstract List<String> compressions();

  /** A file that {@link #decoder} takes, with the stream and what else its format wants. */
  abstract byte[] file(byte[] stream, byte[] plain) throws IOException;

  /** A program of others that decodes its input to its output. */
  abstract List<String> decoder();

  /** Whether that program takes one file after the other. */
  boolean joins() {
    return true;
  }

  private record Stream(byte[] plain, byte[] bytes) {}

  /** The streams of {@code plain}, one after the other, of at most so many calls. */
  private List<Stream> streams(Compressor compressor, byte[] plain, int size, int most)
      throws Exception {
    List<Stream> streams = new ArrayList<>();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment src = arena.allocate(plain.length).copyFrom(MemorySegment.ofArray(plain));
      MemorySegment room = arena.allocate(size + 2 * GUARD_BYTES);
      MemorySegment dst = room.asSlice(GUARD_BYTES, size);
      compressor.start(src);
      for (int at = 0, calls = 0; at < plain.length && calls < most; calls++) {
        room.fill((byte) 0x5a);
        Fitted fitted = compressor.compress(at, plain.length, dst);
        for (int i = 0; i < GUARD_BYTES; i++) {
          assertThat(room.get(JAVA_BYTE, i)).isEqualTo((byte) 0x5a);
          assertThat(room.get(JAVA_BYTE, GUARD_BYTES + size + i)).isEqualTo((byte) 0x5a);
        }
        if (fitted.consumedBytes() == 0) {
          assertThat(fitted).isEqualTo(Fitted.NOTHING);
          at += size;
          continue;
        }
        assertThat(fitted.consumedBytes()).isBetween(1, plain.length - at);
        assertThat(fitted.consumedBytes()).isLessThanOrEqualTo(Compressor.MAX_DECODED_BYTES);
        assertThat(fitted.streamBytes()).isBetween(1, Math.min(size, fitted.consumedBytes() - 1));
        byte[] bytes = dst.asSlice(0, fitted.streamBytes()).toArray(JAVA_BYTE);
        byte[] part = Arrays.copyOfRange(plain, at, at + fitted.consumedBytes());
        assertThat(bytes[0]).isNotZero();
        streams.add(new Stream(part, bytes));
        MemorySegment back = arena.allocate(part.length);
        decompressor().decompress(dst.asSlice(0, bytes.length), back, false);
        assertThat(back.mismatch(MemorySegment.ofArray(part))).isEqualTo(-1);
        at += fitted.consumedBytes();
      }
    }
    return streams;
  }

  private Decompressor decompressor() {
    return Compression.parse(compressions().getFirst()).algorithm().decompressor();
  }

  /** What compresses well, badly and not at all, and what repeats itself far back. */
  static Map<String, byte[]> samples(Random random) throws IOException {
    Map<String, byte[]> samples = new LinkedHashMap<>();
    int size = 200_000;
    byte[] noise = new byte[size];
    random.nextBytes(noise);
    samples.put("noise", noise);
    samples.put("zeros", new byte[size]);
    samples.put("text", text(random, size));
    samples.put("program", program(300_000));
    for (int distance : new int[] {1, 3, 9, 32_768, 65_535, 65_536, 70_000}) {
      byte[] repeated = new byte[size];
      for (int i = 0; i < size; i++) {
        repeated[i] = i < distance ? noise[i] : repeated[i - distance];
      }
      samples.put("repeated after " + distance, repeated);
    }
    byte[] mixed = new byte[size];
    for (int at = 0; at < size; ) {
      int end = Math.min(size, at + 1 + random.nextInt(1 << random.nextInt(15)));
      int back = 1 + random.nextInt(1 << random.nextInt(17));
      int kind = random.nextInt(4);
      for (; at < end; at++) {
        mixed[at] =
            switch (kind) {
              case 0 -> noise[at];
              case 1 -> (byte) (noise[at] & 7);
              case 2 -> back <= at ? mixed[at - back] : 1;
              default -> 0;
            };
      }
    }
    samples.put("mixed", mixed);
    for (int few : new int[] {1, 2, 5, 11, 12, 13, 17, 40, 300, 5000}) {
      samples.put(few + " zeros", new byte[few]);
      samples.put(few + " of text", text(random, few));
      samples.put(few + " of noise", Arrays.copyOf(noise, few));
    }
    return samples;
  }

  private static byte[] text(Random random, int size) {
    String[] words = new String[300];
    for (int i = 0; i < words.length; i++) {
      words[i] = Integer.toString(random.nextInt(1 << 1 + i % 30), 36);
    }
    StringBuilder text = new StringBuilder();
    while (text.length() < size) {
      text.append(words[random.nextInt(1 + random.nextInt(words.length))]).append(' ');
    }
    return text.substring(0, size).getBytes(StandardCharsets.US_ASCII);
  }

  private static byte[] program(int size) throws IOException {
    Path library = Path.of(System.getProperty("java.home"), "lib/server/libjvm.so");
    try (InputStream in = Files.newInputStream(library)) {
      in.skipNBytes(Files.size(library) / 2);
      return in.readNBytes(size);
    }
  }

  private static Random random(Object of) {
    long seed = Long.getLong("aquifer.seed", new Random().nextLong());
    System.out.println(of.getClass().getSimpleName() + ": -Daquifer.seed=" + seed);
    return new Random(seed);
  }

  @Test
  void itsStreamsDecode() throws Exception {
    Map<String, byte[]> samples = samples(random(this));
    for (String compression : compressions()) {
      try (Compressor compressor = Compression.parse(compression).open(65_536)) {
        for (byte[] plain : samples.values()) {
          for (int size : SIZES) {
            streams(compressor, plain, size, FEW);
          }
        }
      }
    }
  }

  @Test
  @Tag("slow")
  void othersDecodeItsStreams() throws Exception {
    Requires.tool(decoder().getFirst());
    Map<String, byte[]> samples = samples(random(this));
    for (String compression : compressions()) {
      List<Stream> all = new ArrayList<>();
      try (Compressor compressor = Compression.parse(compression).open(65_536)) {
        for (byte[] sample : samples.values()) {
          for (int size : new int[] {40, 1000, 4096, 65_536}) {
            List<Stream> streams = streams(compressor, sample, size, FEW);
            all.addAll(streams.subList(0, Math.min(3, streams.size())));
          }
        }
      }
      int atOnce = joins() ? all.size() : 1;
      for (int at = 0; at < all.size(); at += joins() ? atOnce : 1 + all.size() / 20) {
        ByteArrayOutputStream files = new ByteArrayOutputStream();
        ByteArrayOutputStream plain = new ByteArrayOutputStream();
        for (Stream stream : all.subList(at, at + atOnce)) {
          files.write(file(stream.bytes, stream.plain));
          plain.write(stream.plain);
        }
        byte[] decoded = decodeByOthers(files.toByteArray());
        assertThat(Arrays.mismatch(decoded, plain.toByteArray())).as(compression).isEqualTo(-1);
      }
    }
  }

  private byte[] decodeByOthers(byte[] file) throws Exception {
    Path output = scratch.resolve("output");
    Path errors = scratch.resolve("errors");
    Path input = Files.write(scratch.resolve("input"), file);
    Process process =
        new ProcessBuilder(decoder())
            .redirectInput(input.toFile())
            .redirectOutput(output.toFile())
            .redirectError(errors.toFile())
            .start();
    assertThat(process.waitFor()).as(Files.readString(errors)).isZero();
    return Files.readAllBytes(output);
  }

  @Test
  void fillsItsOutput() throws Exception {
    Random random = random(this);
    byte[] text = text(random, 3_000_000);
    byte[] program = program(1_500_000);
    for (String compression : compressions()) {
      try (Compressor compressor = Compression.parse(compression).open(65_536)) {
        for (byte[] plain : List.of(text, program)) {
          for (int size : new int[] {4096, 65_536}) {
            List<Stream> streams = streams(compressor, plain, size, 10 * FEW);
            long full = 0;
            for (Stream stream : streams.subList(0, streams.size() - 1)) {
              full += stream.bytes.length;
            }
            assertThat((double) full / (streams.size() - 1) / size)
                .as("%s, %d bytes", compression, size)
                .isBetween(0.99, 1.0);
          }
        }
      }
    }
  }

  @Test
  void givesTheSameAfterOtherPieces() throws Exception {
    Map<String, byte[]> samples = samples(random(this));
    for (String compression : compressions()) {
      try (Compressor old = Compression.parse(compression).open(65_536)) {
        for (String name : List.of("text", "program", "mixed", "5000 of text")) {
          for (int size : new int[] {100, 4096, 65_536}) {
            try (Compressor fresh = Compression.parse(compression).open(65_536)) {
              List<Stream> expected = streams(fresh, samples.get(name), size, FEW);
              List<Stream> actual = streams(old, samples.get(name), size, FEW);
              assertThat(actual).hasSameSizeAs(expected);
              for (int i = 0; i < expected.size(); i++) {
                assertThat(actual.get(i).bytes).isEqualTo(expected.get(i).bytes);
              }
            }
          }
        }
      }
    }
  }

  @Test
  @Tag("slow")
  void stopsAtTheLongestThatTheKernelTakes() throws Exception {
    byte[] zeros = new byte[Compressor.MAX_DECODED_BYTES + 100_000];
    for (String compression : compressions()) {
      try (Compressor compressor = Compression.parse(compression).open()) {
        List<Stream> streams = streams(compressor, zeros, Compressor.MAX_STREAM_BYTES, FEW);
        assertThat(streams).hasSize(2);
        assertThat(streams.getFirst().plain).hasSize(Compressor.MAX_DECODED_BYTES);
      }
    }
  }

  @Test
  @Tag("slow")
  void takesLargeClusters() throws Exception {
    Random random = random(this);
    byte[] plain = new byte[5_000_000];
    byte[] text = text(random, 4_000_000);
    random.nextBytes(plain);
    System.arraycopy(text, 0, plain, 900_000, text.length);
    for (String compression : compressions()) {
      try (Compressor compressor = Compression.parse(compression).open()) {
        List<Stream> streams = streams(compressor, plain, Compressor.MAX_STREAM_BYTES, FEW);
        assertThat(streams.size()).isBetween(1, 5);
      }
    }
  }
}
