package dev.aquifer.blob;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is removed from the cache, and what is not. */
class CollectorTest {
  @TempDir Path dir;
  private Rig rig;
  private Domains domains;
  private RemoteImage image;

  @BeforeEach
  void begin() throws IOException {
    rig = Rig.small(dir, Rig.EXACT);
    domains = rig.domains;
    image = rig.remote();
  }

  @AfterEach
  void end() throws IOException {
    rig.close();
  }

  private void readAll(Lease lease) throws IOException {
    CachedBootstrap unused = lease.bootstrap(image);
    int device = 0;
    for (CachedBlob blob : lease.openBlobs(image)) {
      byte[] truth = rig.blob(device++).plain();
      assertThat(blob.readBytes(0, truth.length)).isEqualTo(truth);
    }
  }

  private void use(String domain) throws IOException {
    try (Lease lease = domains.join(domain, "a", "/mnt/a")) {
      readAll(lease);
    }
  }

  @Test
  void whatNobodyUsesGoesAndIsHadAgain() throws Exception {
    use("shop");
    use(null);
    assertThat(rig.cache.resolve("domains/shop")).isDirectory();
    assertThat(rig.cache.resolve("private/a")).isDirectory();

    assertThat(domains.collect(Duration.ZERO)).isEqualTo(4);

    assertThat(rig.cache.resolve("domains")).isEmptyDirectory();
    assertThat(rig.cache.resolve("private")).isEmptyDirectory();
    assertThat(domains.collect(Duration.ZERO)).isZero();
    rig.origin.clearLog();
    use("shop");
    assertThat(rig.origin.log()).isNotEmpty();
  }

  @Test
  void whatIsInUseStays() throws Exception {
    use("lab");
    try (Lease lease = domains.join("shop", "a", "/mnt/a")) {
      readAll(lease);

      assertThat(domains.collect(Duration.ZERO)).isEqualTo(2);

      assertThat(rig.cache.resolve("domains/lab")).doesNotExist();
      rig.origin.clearLog();
      readAll(lease);
      assertThat(rig.origin.log()).isEmpty();
    }
  }

  @Test
  void aBlobThatNoMemberOfItsDomainUsesGoes() throws Exception {
    use("shop");
    try (Lease lease = domains.join("shop", "b", "/mnt/b")) {
      assertThat(domains.collect(Duration.ZERO)).isEqualTo(2);

      assertThat(rig.cache.resolve("domains/shop/blobs")).isEmptyDirectory();
      assertThat(rig.cache.resolve("domains/shop/bootstraps")).isNotEmptyDirectory();
      readAll(lease);
    }
  }

  @Test
  void whatWasUsedLatelyStays() throws Exception {
    use("shop");

    assertThat(domains.collect(Duration.ofMinutes(10))).isZero();

    rig.origin.clearLog();
    use("shop");
    assertThat(rig.origin.log()).isEmpty();
  }

  @Test
  void aBlobIsUsedUntilItsLastUserLetsGo() throws Exception {
    try (Lease lease = domains.join("shop", "a", "/mnt/a")) {
      readAll(lease);
      setBlobTimes(Instant.now().minus(Duration.ofHours(1)));
    }
    assertThat(domains.collect(Duration.ofMinutes(10))).isZero();

    setBlobTimes(Instant.now().minus(Duration.ofHours(1)));
    assertThat(domains.collect(Duration.ofMinutes(10))).isEqualTo(2);
  }

  private void setBlobTimes(Instant time) throws IOException {
    try (var blobs = Files.list(rig.cache.resolve("domains/shop/blobs"))) {
      for (Path blob : blobs.toList()) {
        Files.setLastModifiedTime(blob, FileTime.from(time));
      }
    }
  }

  @Test
  void twoAtOnceDoNotDisturbEachOther() throws Exception {
    Files.writeString(Files.createDirectories(rig.cache.resolve("domains")).resolve("README"), "x");
    try (ExecutorService executor = Executors.newVirtualThreadPerTaskExecutor()) {
      for (int i = 0; i < 20; i++) {
        use("shop");
        Future<Integer> one = executor.submit(() -> domains.collect(Duration.ZERO));
        Future<Integer> two = executor.submit(() -> domains.collect(Duration.ZERO));
        assertThat(one.get(30, TimeUnit.SECONDS) + two.get(30, TimeUnit.SECONDS)).isEqualTo(2);
      }
    }
  }

  @Test
  void anObjectThatNothingProvesGoesWithItsDomain() throws Exception {
    Files.write(dir.resolve("raw"), new byte[5000]);
    try (Lease lease = domains.join("shop", "a", "/mnt/a")) {
      CachedBlob blob = lease.openUnverified(rig.backend("."), "raw");
      blob.ensure(0, 1);
      assertThat(domains.collect(Duration.ZERO)).isZero();
      assertThat(blob.path()).exists();
    }
    assertThat(domains.collect(Duration.ZERO)).isEqualTo(1);
    assertThat(rig.cache.resolve("domains/shop")).doesNotExist();
  }

  @Test
  void whoComesAndGoesMeanwhileReadsTheTruth() throws Exception {
    try (ExecutorService executor = Executors.newVirtualThreadPerTaskExecutor()) {
      Future<Integer> users =
          executor.submit(
              () -> {
                int count = 0;
                for (; count < 60; count++) {
                  use("shop");
                }
                return count;
              });
      int removed = 0;
      while (!users.isDone()) {
        removed += domains.collect(Duration.ZERO);
      }
      assertThat(users.get(60, TimeUnit.SECONDS)).isEqualTo(60);
      assertThat(removed).isPositive();
    }
  }
}
