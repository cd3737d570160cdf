package dev.aquifer.blob;

import static org.assertj.core.api.Assertions.assertThat;

import dev.aquifer.format.SpanCodec;
import dev.aquifer.testing.FaultyOrigin;
import dev.aquifer.testing.TestImage;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CachedBlobTest {
  @TempDir Path dir;

  @Test
  void readsTheBytesOfTheBlob() throws Exception {
    byte[] plain = TestImage.text(1, 300_000);
    TestImage.write(
        dir.resolve("image"),
        new byte[5000],
        new TestImage.Content(plain, 16, SpanCodec.ZSTD),
        new TestImage.Content(TestImage.noise(2, 100_001), 14, SpanCodec.PLAIN));
    try (FaultyOrigin origin = FaultyOrigin.serve(dir.resolve("image"));
        CacheStore store = CacheStore.open(dir.resolve("cache"));
        Fetcher fetcher = new Fetcher();
        Backend backend = Backend.open(origin.url());
        Lease lease = new Domains(store, fetcher).join("shop", "a", "test")) {
      RemoteImage image = RemoteImage.open(backend);
      assertThat(lease.bootstrap(image).source().readBytes(0, 5000)).isEqualTo(new byte[5000]);
      List<CachedBlob> blobs = lease.openBlobs(image);
      assertThat(blobs.get(0).readBytes(0, plain.length)).isEqualTo(plain);
      assertThat(blobs.get(1).readBytes(0, 100_001)).isEqualTo(TestImage.noise(2, 100_001));
      System.out.println(origin.log());
    }
  }
}
