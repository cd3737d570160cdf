package dev.aquifer.cli;

import java.io.BufferedWriter;
import java.io.FileOutputStream;
import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.OutputStreamWriter;
import java.io.PrintWriter;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * Standard output, for text in UTF-8 and for bytes. A {@link PrintWriter} swallows errors; this
 * keeps the first, so that a full disk is told and a reader that left, as {@code head} does, ends
 * the command.
 */
final class StandardOut extends PrintWriter {
  private static final int BUFFER_BYTES = 64 << 10;

  private final KeptErrors bytes;

  StandardOut(OutputStream out) {
    this(new KeptErrors(out));
  }

  private StandardOut(KeptErrors bytes) {
    super(new OutputStreamWriter(bytes, StandardCharsets.UTF_8), true);
    this.bytes = bytes;
  }

  /** The reader of standard output has left. */
  static final class ReaderLeft extends IOException {
    private static final long serialVersionUID = 1;

    ReaderLeft(IOException cause) {
      super("standard output: its reader has left", cause);
    }
  }

  /** Writes {@code data} after all text so far. */
  void write(MemorySegment data) throws IOException {
    flush();
    check();
    bytes.write(data);
    check();
  }

  /** The stream under the text, for bytes; errors are thrown. Text before it is written first. */
  OutputStream bytes() {
    flush();
    return new FilterOutputStream(bytes) {
      @Override
      public void write(byte[] data, int offset, int length) throws IOException {
        bytes.write(data, offset, length);
        check();
      }

      @Override
      public void close() throws IOException {
        flush();
        check();
      }
    };
  }

  /** A writer of much text: with a large buffer, and not flushed at each line. */
  PrintWriter buffered() {
    return new PrintWriter(
        new BufferedWriter(new OutputStreamWriter(bytes, StandardCharsets.UTF_8), BUFFER_BYTES),
        false);
  }

  /**
   * Throws what went wrong when something was written.
   *
   * @throws ReaderLeft if nobody reads any more
   */
  void check() throws IOException {
    IOException failure = bytes.failure;
    if (failure != null) {
      String message = String.valueOf(failure.getMessage());
      throw message.contains("Broken pipe")
          ? new ReaderLeft(failure)
          : new IOException("standard output: " + message, failure);
    }
  }

  /** Remembers the first error and writes nothing after it. */
  private static final class KeptErrors extends OutputStream {
    private final OutputStream out;
    private @Nullable IOException failure;

    KeptErrors(OutputStream out) {
      this.out = out;
    }

    @Override
    public void write(int b) throws IOException {
      write(new byte[] {(byte) b}, 0, 1);
    }

    @Override
    public void write(byte[] data, int offset, int length) throws IOException {
      if (failure == null) {
        try {
          out.write(data, offset, length);
        } catch (IOException e) {
          failure = e;
        }
      }
    }

    void write(MemorySegment data) throws IOException {
      try {
        if (out instanceof FileOutputStream file) {
          // No copy in between, if the data is outside the heap.
          ByteBuffer buffer = data.asByteBuffer();
          while (buffer.hasRemaining()) {
            file.getChannel().write(buffer);
          }
        } else {
          out.write(data.toArray(ValueLayout.JAVA_BYTE));
        }
      } catch (IOException e) {
        failure = e;
      }
    }

    @Override
    public void flush() throws IOException {
      if (failure == null) {
        out.flush();
      }
    }
  }
}
