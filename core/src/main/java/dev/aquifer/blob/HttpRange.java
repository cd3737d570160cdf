package dev.aquifer.blob;

import dev.aquifer.io.BackendException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.net.http.HttpResponse.ResponseInfo;
import java.nio.ByteBuffer;

/** Takes the answer to a range request: exactly that range of exactly that object, or nothing. */
final class HttpRange implements HttpBody.Taker {
  /** A larger object is never read whole because of an origin that ignores ranges. */
  static final long MAX_WHOLE_BYTES = 1 << 20;

  private final String object;
  private final ObjectInfo expected;
  private final long offsetBytes;
  private final MemorySegment dst;
  // Guarded by the lock of the body that calls.
  private long skipBytes;
  private long surplusBytes;
  private long filledBytes;

  HttpRange(String object, ObjectInfo expected, long offsetBytes, MemorySegment dst) {
    this.object = object;
    this.expected = expected;
    this.offsetBytes = offsetBytes;
    this.dst = dst;
  }

  @Override
  public void begin(ResponseInfo info) throws IOException {
    HttpAnswer answer = HttpAnswer.of(object, info);
    switch (answer.status()) {
      case 206 -> beginPart(answer);
      case 200 -> beginWhole(answer);
      case 416 -> {
        HttpAnswer.ContentRange range = answer.contentRange();
        if (range != null && range.total() >= 0) {
          checkSize(answer, range.total());
        }
        throw answer.refused();
      }
      default -> throw answer.refused();
    }
  }

  private void beginPart(HttpAnswer answer) throws BackendException {
    long lastByte = offsetBytes + dst.byteSize() - 1;
    HttpAnswer.ContentRange range = answer.contentRange();
    if (range != null && range.total() >= 0) {
      checkSize(answer, range.total());
    }
    if (range == null || range.first() != offsetBytes || range.last() != lastByte) {
      throw answer.wrong(
          "the origin answered with Content-Range '%s'"
              .formatted(answer.header("content-range").orElse("")),
          "expected bytes %d-%d".formatted(offsetBytes, lastByte));
    }
    long length = answer.contentLength();
    if (length > dst.byteSize()) {
      throw answer.wrong(
          "the origin sends %d bytes".formatted(length), "expected " + dst.byteSize());
    }
    checkVersion(answer);
  }

  private void beginWhole(HttpAnswer answer) throws BackendException {
    long length = answer.contentLength();
    if (length >= 0) {
      checkSize(answer, length);
    }
    checkVersion(answer);
    if (dst.byteSize() < expected.sizeBytes() && expected.sizeBytes() > MAX_WHOLE_BYTES) {
      throw answer.wrong(
          "the origin ignores the Range header (it answered 200)",
          "expected 206: use a web server that serves byte ranges");
    }
    skipBytes = offsetBytes;
    surplusBytes = expected.sizeBytes() - offsetBytes - dst.byteSize();
  }

  private void checkSize(HttpAnswer answer, long sizeBytes) throws BackendException {
    if (sizeBytes != expected.sizeBytes()) {
      throw answer.changed("has %d bytes, not %d".formatted(sizeBytes, expected.sizeBytes()));
    }
  }

  private void checkVersion(HttpAnswer answer) throws BackendException {
    String version = expected.version();
    if (version == null) {
      return;
    }
    String found = answer.versionLike(version);
    if (!version.equals(found)) {
      throw answer.changed("has version %s, not %s".formatted(found, version));
    }
  }

  @Override
  public boolean isWorthEnding() {
    return surplusBytes == 0;
  }

  @Override
  public int take(ByteBuffer buffer) throws IOException {
    int skip = (int) Math.min(skipBytes, buffer.remaining());
    skipBytes -= skip;
    buffer.position(buffer.position() + skip);
    int count = (int) Math.min(dst.byteSize() - filledBytes, buffer.remaining());
    MemorySegment.copy(MemorySegment.ofBuffer(buffer), 0, dst, filledBytes, count);
    buffer.position(buffer.position() + count);
    filledBytes += count;
    surplusBytes -= buffer.remaining();
    if (surplusBytes < 0) {
      throw new BackendException(
          "%s: the origin sends more than the %d bytes at byte %d that were asked for"
              .formatted(object, dst.byteSize(), offsetBytes),
          false,
          null);
    }
    return count;
  }
}
