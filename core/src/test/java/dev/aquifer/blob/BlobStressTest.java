package dev.aquifer.blob;

import static org.assertj.core.api.Assertions.assertThat;

import dev.aquifer.format.SpanCodec;
import dev.aquifer.testing.FaultyOrigin;
import dev.aquifer.testing.TestImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BlobStressTest {
  @TempDir Path dir;

  private static final Limits BUSY = new Limits(24 << 10, 3, 2, 8 << 10, 64 << 10, 20_000, 5);

  private static long seed() {
    String given = System.getProperty("aquifer.seed");
    long seed = given != null ? Long.parseLong(given) : System.nanoTime();
    System.out.println("BlobStressTest: -Daquifer.seed=" + seed);
    return seed;
  }

  private Rig rig() throws IOException {
    return new Rig(
        dir,
        BUSY,
        new TestImage.Content(TestImage.noise(1, 300_000), 12, SpanCodec.PLAIN),
        new TestImage.Content(TestImage.text(2, 500_000), 13, SpanCodec.ZSTD));
  }

  /** Spoils about every second answer, each in another way. */
  private static void misbehave(FaultyOrigin origin, long seed) {
    Random random = new Random(seed);
    origin.fault(
        FaultyOrigin.any(),
        answer -> {
          synchronized (random) {
            long somewhere = answer.bodyLength == 0 ? 0 : random.nextLong(answer.bodyLength);
            switch (random.nextInt(18)) {
              case 0 -> answer.status = 503;
              case 1 -> answer.status = 500;
              case 2 -> answer.status = 0;
              case 3 -> answer.cutAfter = somewhere;
              case 4 -> {
                answer.cutAfter = somewhere;
                answer.reset = true;
              }
              case 5 -> answer.flipAt = answer.bodyOffset + somewhere;
              case 6 -> answer.headers.put("content-range", "bytes 0-1/2");
              case 7 -> answer.status = 404;
              case 8 -> answer.pieceBytes = 700;
              default -> {}
            }
          }
        });
  }

  @Test
  void manyReadersUnderFaultsNeverSeeAWrongByte() throws Exception {
    long seed = seed();
    AtomicInteger reads = new AtomicInteger();
    AtomicInteger failures = new AtomicInteger();
    try (Rig rig = rig()) {
      RemoteImage image = rig.remote();
      for (int round = 0; round < 8; round++) {
        String domain = "shop" + round;
        try (Lease a = rig.domains.join(domain, "a", "test");
            Lease b = rig.domains.join(domain, "b", "test")) {
          List<List<CachedBlob>> held = List.of(a.openBlobs(image), b.openBlobs(image));
          misbehave(rig.origin, seed + round);
          readAtRandom(rig, held, seed + 100 * round, reads, failures);
          rig.origin.heal();
          for (int device = 0; device < 2; device++) {
            byte[] truth = rig.blob(device).plain();
            assertThat(held.getFirst().get(device).readBytes(0, truth.length)).isEqualTo(truth);
            assertThat(Files.readAllBytes(held.getFirst().get(device).path())).isEqualTo(truth);
          }
        }
      }
    }
    System.out.println("BlobStressTest: reads " + reads + ", failed " + failures);
    assertThat(reads.get()).isGreaterThan(500);
    assertThat(failures.get()).isPositive();
  }

  private static void readAtRandom(
      Rig rig, List<List<CachedBlob>> held, long seed, AtomicInteger reads, AtomicInteger failures)
      throws Exception {
    try (ExecutorService executor = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<?>> all = new ArrayList<>();
      for (int t = 0; t < 10; t++) {
        Random random = new Random(seed + t);
        all.add(
            executor.submit(
                () -> {
                  for (int i = 0; i < 15; i++) {
                    int device = random.nextInt(2);
                    CachedBlob blob = held.get(random.nextInt(2)).get(device);
                    byte[] truth = rig.blob(device).plain();
                    int length = 1 + random.nextInt(random.nextBoolean() ? 200 : 40_000);
                    int from = random.nextInt(truth.length - length);
                    try {
                      byte[] found = blob.readBytes(from, length);
                      assertThat(Arrays.equals(found, 0, length, truth, from, from + length))
                          .as("bytes %d+%d, seed %d", from, length, seed)
                          .isTrue();
                      reads.incrementAndGet();
                    } catch (IOException e) {
                      failures.incrementAndGet();
                    }
                    if (random.nextInt(10) == 0) {
                      blob.prefetch(from, length);
                    }
                  }
                  return null;
                }));
      }
      for (Future<?> one : all) {
        one.get(120, TimeUnit.SECONDS);
      }
    }
  }

  @Test
  void withoutFaultsNoSpanIsFetchedTwice() throws Exception {
    long seed = seed();
    try (Rig rig = rig();
        Lease a = rig.domains.join("shop", "a", "test");
        Lease b = rig.domains.join("shop", "b", "test")) {
      List<List<CachedBlob>> held = List.of(a.openBlobs(rig.remote()), b.openBlobs(rig.remote()));
      try (ExecutorService executor = Executors.newVirtualThreadPerTaskExecutor()) {
        List<Future<?>> all = new ArrayList<>();
        for (int t = 0; t < 8; t++) {
          Random random = new Random(seed + t);
          all.add(
              executor.submit(
                  () -> {
                    for (int i = 0; i < 100; i++) {
                      int device = random.nextInt(2);
                      CachedBlob blob = held.get(random.nextInt(2)).get(device);
                      blob.ensure(random.nextInt((int) blob.sizeBytes()), random.nextInt(30_000));
                    }
                    held.get(0).get(0).fetchAll();
                    held.get(0).get(1).fetchAll();
                    return null;
                  }));
        }
        for (Future<?> one : all) {
          one.get(60, TimeUnit.SECONDS);
        }
      }
      for (int device = 0; device < 2; device++) {
        CachedBlob blob = held.get(0).get(device);
        blob.ensure(0, blob.sizeBytes());
        assertThat(rig.dataBytes(device)).isEqualTo(rig.blob(device).tailOffset());
        assertThat(blob.status().fetchedBytes()).isEqualTo(rig.blob(device).tailOffset());
      }
      assertThat(rig.origin.mostInFlight()).isLessThanOrEqualTo(3);
    }
  }

  @Test
  @Tag("slow")
  void domainsComeAndGoInParallelAndLeaveNothing() throws Exception {
    long seed = seed();
    int filesBefore = descriptors();
    try (Rig rig = rig()) {
      RemoteImage image = rig.remote();
      misbehaveMildly(rig.origin, seed);
      AtomicInteger good = new AtomicInteger();
      try (ExecutorService executor = Executors.newFixedThreadPool(4)) {
        List<Future<?>> all = new ArrayList<>();
        for (int t = 0; t < 4; t++) {
          int thread = t;
          Random random = new Random(seed + t);
          all.add(
              executor.submit(
                  () -> {
                    for (int cycle = 0; cycle < 200; cycle++) {
                      cycle(rig, image, "f" + thread, random, good);
                    }
                    return null;
                  }));
        }
        for (Future<?> one : all) {
          one.get(300, TimeUnit.SECONDS);
        }
      }
      assertThat(good.get()).isGreaterThan(400);
      assertThat(rig.domains.status()).isEmpty();
      assertThat(DomainsTest.filesOpenBelow(rig.cache)).isEmpty();
      rig.origin.heal();
      try (Lease lease = rig.domains.join("shop", "last", "test")) {
        for (int device = 0; device < 2; device++) {
          byte[] truth = rig.blob(device).plain();
          assertThat(lease.openBlobs(image).get(device).readBytes(0, truth.length))
              .isEqualTo(truth);
        }
      }
    }
    assertThat(fetchThreads()).isLessThanOrEqualTo(BUSY.maxRequests());
    assertThat(descriptors()).isLessThan(filesBefore + 30);
  }

  private static void misbehaveMildly(FaultyOrigin origin, long seed) {
    Random random = new Random(seed);
    origin.fault(
        FaultyOrigin.any(),
        answer -> {
          synchronized (random) {
            answer.status = random.nextInt(30) == 0 ? 403 : answer.status;
          }
        });
  }

  private static void cycle(
      Rig rig, RemoteImage image, String fsid, Random random, AtomicInteger good)
      throws IOException {
    String domain = random.nextInt(5) == 0 ? null : random.nextInt(4) == 0 ? "lab" : "shop";
    try (Lease lease = rig.domains.join(domain, fsid, "test")) {
      lease.bootstrap(image);
      List<CachedBlob> blobs = lease.openBlobs(image);
      int device = random.nextInt(2);
      byte[] truth = rig.blob(device).plain();
      int from = random.nextInt(truth.length - 100);
      assertThat(blobs.get(device).readBytes(from, 100))
          .isEqualTo(Arrays.copyOfRange(truth, from, from + 100));
      if (random.nextInt(3) == 0) {
        blobs.get(device).prefetch(0, truth.length);
      }
      assertThat(rig.domains.status()).isNotEmpty();
      good.incrementAndGet();
    } catch (IOException e) {
      assertThat(e).hasMessageContaining("403");
    }
  }

  private static int descriptors() throws IOException {
    try (var all = Files.list(Path.of("/proc/self/fd"))) {
      return (int) all.count();
    }
  }

  private static long fetchThreads() {
    Map<String, Long> names =
        Thread.getAllStackTraces().keySet().stream()
            .map(thread -> thread.getName().replaceAll("\\d+", "N"))
            .collect(Collectors.groupingBy(name -> name, Collectors.counting()));
    return names.getOrDefault("aquifer-fetch-N", 0L);
  }
}
