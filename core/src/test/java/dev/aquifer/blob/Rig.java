package dev.aquifer.blob;

import dev.aquifer.format.SpanCodec;
import dev.aquifer.testing.FaultyOrigin;
import dev.aquifer.testing.TestImage;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;

/** An image at a test origin, and a cache with domains to fetch it into. */
final class Rig implements Closeable {
  /** Small requests, no read-ahead: what is asked for is what is fetched. */
  static final Limits EXACT = new Limits(64 << 10, 4, 2, 0, 0, 20_000, 50);

  private static final RetryPolicy FAST = new RetryPolicy(3, 1, 4, 10_000);
  private static final HttpTimes SHORT = new HttpTimes(2_000, 300, 1 << 16);

  final Path cache;
  final TestImage image;
  final FaultyOrigin origin;
  final Fetcher fetcher;
  CacheStore store;
  Domains domains;

  Rig(Path dir, Limits limits, TestImage.Content... contents) throws IOException {
    cache = dir.resolve("cache");
    image = TestImage.write(dir.resolve("image"), TestImage.noise(99, 12_288), contents);
    origin = FaultyOrigin.serve(dir);
    // An origin that healed is asked at once.
    fetcher = new Fetcher(limits, 0);
    openStore();
  }

  /** One blob of 40 spans of 4 KiB, and one of 10 compressed ones of 16 KiB. */
  static Rig small(Path dir, Limits limits) throws IOException {
    return new Rig(
        dir,
        limits,
        new TestImage.Content(TestImage.noise(1, 40 * 4096 - 77), 12, SpanCodec.PLAIN),
        new TestImage.Content(TestImage.text(2, 10 * 16_384 - 5_000), 14, SpanCodec.ZSTD));
  }

  private void openStore() throws IOException {
    store = CacheStore.open(cache, 20);
    domains = new Domains(store, fetcher);
  }

  /** Ends the store and opens it again, as a restart does. */
  void restart() throws IOException {
    store.close();
    openStore();
  }

  /** The origin's directory {@code name}, over HTTP. */
  Backend backend(String name) throws IOException {
    return new RetryingBackend(
        new HttpBackend(
            origin.url() + "/" + name, HttpBackend.client(Duration.ofSeconds(2)), SHORT),
        FAST);
  }

  RemoteImage remote() throws IOException {
    return RemoteImage.open(backend("image"));
  }

  TestImage.Blob blob(int device) {
    return image.blobs().get(device);
  }

  /** Accepts requests for data, not the tail, of a blob. */
  Predicate<FaultyOrigin.Request> data(int device) {
    return request ->
        request.path().equals("image/" + blob(device).path())
            && request.first() < blob(device).tailOffset();
  }

  /** The bytes of data, not the tail, that the origin sent of a blob. */
  long dataBytes(int device) {
    return origin.log().stream()
        .filter(exchange -> data(device).test(exchange.request()))
        .mapToLong(FaultyOrigin.Exchange::bodyBytes)
        .sum();
  }

  long dataRequests(int device) {
    return origin.log().stream().filter(e -> data(device).test(e.request())).count();
  }

  /** The ranges of data that were asked for, as span numbers "first-last" of a plain blob. */
  List<String> spansAsked(int device, int spanBits) {
    List<String> all = new ArrayList<>();
    for (FaultyOrigin.Exchange exchange : origin.log()) {
      FaultyOrigin.Request request = exchange.request();
      if (data(device).test(request)) {
        all.add((request.first() >> spanBits) + "-" + (request.last() >> spanBits));
      }
    }
    return all;
  }

  @Override
  public void close() throws IOException {
    fetcher.close();
    store.close();
    origin.close();
  }
}
