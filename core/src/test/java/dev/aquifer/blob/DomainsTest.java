package dev.aquifer.blob;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.aquifer.format.SpanCodec;
import dev.aquifer.io.BackendException;
import dev.aquifer.io.CorruptDataException;
import dev.aquifer.io.Errno;
import dev.aquifer.io.Failpoint;
import dev.aquifer.io.RefusedException;
import dev.aquifer.testing.FaultyOrigin;
import dev.aquifer.testing.TestImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The rules of shared domains, with what each costs counted at the origin. */
class DomainsTest {
  @TempDir Path dir;
  private Rig rig;
  private Domains domains;
  private RemoteImage image;

  @BeforeEach
  void begin() throws IOException {
    rig = Rig.small(dir, Rig.EXACT);
    domains = rig.domains;
    image = rig.remote();
    rig.origin.clearLog();
  }

  @AfterEach
  void end() throws IOException {
    assertThat(domains.status()).isEmpty();
    assertThat(filesOpenBelow(rig.cache)).as("files left open").isEmpty();
    rig.close();
  }

  /** The files below {@code directory} that this process has open, but for the store's lock. */
  static List<String> filesOpenBelow(Path directory) throws IOException {
    List<String> open = new ArrayList<>();
    try (var descriptors = Files.newDirectoryStream(Path.of("/proc/self/fd"))) {
      for (Path descriptor : descriptors) {
        try {
          String target = Files.readSymbolicLink(descriptor).toString();
          if (target.startsWith(directory + "/") && !target.endsWith("/lock")) {
            open.add(target);
          }
        } catch (IOException e) {
          // Closed meanwhile.
        }
      }
    }
    return open;
  }

  private void readAll(CachedBlob blob, int device) throws IOException {
    byte[] truth = rig.blob(device).plain();
    assertThat(blob.readBytes(0, truth.length)).isEqualTo(truth);
  }

  private void readBoth(Lease lease) throws IOException {
    List<CachedBlob> blobs = lease.openBlobs(image);
    readAll(blobs.get(0), 0);
    readAll(blobs.get(1), 1);
  }

  private void assertFetched(int times) {
    assertThat(rig.dataBytes(0)).isEqualTo(times * rig.blob(0).tailOffset());
    assertThat(rig.dataBytes(1)).isEqualTo(times * rig.blob(1).tailOffset());
  }

  @Test
  void oneDomainFetchesOnce() throws Exception {
    try (Lease a = domains.join("shop", "a", "/mnt/a");
        Lease b = domains.join("shop", "b", "/mnt/b")) {
      assertThat(a.bootstrap(image).fetchedBytes()).isEqualTo(rig.image.bootstrap().length);
      readBoth(a);
      assertFetched(1);
      rig.origin.clearLog();
      assertThat(b.bootstrap(image).fetchedBytes()).isZero();
      assertThat(b.openBlobs(image)).isEqualTo(a.openBlobs(image));
      readBoth(b);
      assertThat(rig.origin.log()).isEmpty();
      assertThat(b.metadataBytes()).isZero();
    }
  }

  @Test
  void twoDomainsFetchTwice() throws Exception {
    try (Lease a = domains.join("shop", "a", "/mnt/a");
        Lease b = domains.join("lab", "a", "/mnt/b")) {
      readBoth(a);
      readBoth(b);
      assertFetched(2);
      assertThat(a.openBlobs(image).get(0).path()).isNotEqualTo(b.openBlobs(image).get(0).path());
      assertThat(domains.status()).hasSize(2);
    }
  }

  @Test
  void withoutADomainNothingIsShared() throws Exception {
    try (Lease a = domains.join(null, "a", "/mnt/a");
        Lease b = domains.join(null, "b", "/mnt/b");
        Lease c = domains.join("shop", "a", "/mnt/c")) {
      readBoth(a);
      readBoth(b);
      readBoth(c);
      assertFetched(3);
      assertThat(domains.status())
          .extracting(DomainStatus::domainId)
          .containsExactly(null, null, "shop");
    }
  }

  @Test
  void twoColdReadersThroughTwoLeasesAskOnce() throws Exception {
    CountDownLatch held = new CountDownLatch(1);
    rig.origin.fault(
        rig.data(0),
        answer ->
            answer.beforeBody =
                () -> {
                  try {
                    held.await(10, TimeUnit.SECONDS);
                  } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                  }
                });
    try (Lease a = domains.join("shop", "a", "/mnt/a");
        Lease b = domains.join("shop", "b", "/mnt/b");
        ExecutorService executor = Executors.newFixedThreadPool(2)) {
      Future<byte[]> first = executor.submit(() -> a.openBlobs(image).get(0).readBytes(0, 9000));
      Future<byte[]> second = executor.submit(() -> b.openBlobs(image).get(0).readBytes(0, 9000));
      held.countDown();
      assertThat(first.get()).isEqualTo(second.get());
      assertThat(rig.spansAsked(0, 12)).containsExactly("0-2");
    }
  }

  @Test
  void theSameFsidTwiceInADomainIsRefusedAndHarmsNothing() throws Exception {
    try (Lease a = domains.join("shop", "a", "/mnt/a")) {
      CachedBlob blob = a.openBlobs(image).get(0);
      List<DomainStatus> before = domains.status();
      RefusedException e =
          catchThrowableOfType(RefusedException.class, () -> domains.join("shop", "a", "/mnt/b"));
      assertThat(e.errno()).isEqualTo(Errno.EEXIST);
      assertThat(e)
          .hasMessage(
              "fsid 'a' is in use in domain 'shop' by /mnt/a: an fsid is unique in its domain: choose another fsid");
      assertThat(domains.status()).isEqualTo(before);
      readAll(blob, 0);
    }
    domains.join("shop", "a", "/mnt/b").close();
  }

  @Test
  void theSameFsidTwiceWithoutADomainIsBusy() throws Exception {
    try (Lease a = domains.join(null, "a", "/mnt/a")) {
      RefusedException e =
          catchThrowableOfType(RefusedException.class, () -> domains.join(null, "a", "/mnt/b"));
      assertThat(e.errno()).isEqualTo(Errno.EBUSY);
      assertThat(e)
          .hasMessage(
              "fsid 'a' is in use by /mnt/a: without a domain an fsid is unique: choose another fsid");
      readAll(a.openBlobs(image).get(0), 0);
    }
    domains.join(null, "a", "/mnt/b").close();
  }

  @Test
  void theSameFsidInTwoDomainsAndWithoutOneIsFine() throws Exception {
    List<Lease> leases =
        List.of(
            domains.join("shop", "a", "1"),
            domains.join("lab", "a", "2"),
            domains.join(null, "a", "3"),
            // Name spaces are apart: a domain may be called like an fsid, and the reverse.
            domains.join("a", "shop", "4"),
            domains.join(null, "shop", "5"));
    assertThat(domains.status()).hasSize(5);
    leases.forEach(Lease::close);
  }

  @Test
  void anFsidMayBeABlobsName() throws Exception {
    String id = rig.blob(0).id().hex();
    try (Lease a = domains.join("shop", "a", "1");
        Lease b = domains.join("shop", id, "2");
        Lease c = domains.join(id, id, "3");
        Lease d = domains.join(null, id, "4")) {
      for (Lease lease : List.of(a, b, c, d)) {
        readBoth(lease);
      }
      assertFetched(3);
    }
  }

  @Test
  void namesKeepTheRule() throws Exception {
    String longest = "x".repeat(128);
    for (String name : List.of("a", "A-Z._:@9", "-", "@", ":", "_x", longest, "a..b", "mnt:b")) {
      domains.join(name, name, "h").close();
      domains.join(null, name, "h").close();
    }
    for (String name :
        List.of(
            "",
            ".",
            "..",
            ".a",
            "a/b",
            "/",
            "a b",
            "a\n",
            "é",
            "a\0",
            "x,y",
            "x=y",
            longest + "x",
            "☃")) {
      RefusedException fsid =
          catchThrowableOfType(RefusedException.class, () -> domains.join("shop", name, "h"));
      assertThat(fsid).as(name).isNotNull();
      assertThat(fsid.errno()).isEqualTo(Errno.EINVAL);
      assertThat(fsid.getMessage())
          .startsWith("fsid '")
          .endsWith(
              "expected 1 to 128 characters of A-Z a-z 0-9 . _ : @ - that don't start with '.'")
          .doesNotContain("\n");
      assertThatThrownBy(() -> domains.join(null, name, "h")).hasMessageStartingWith("fsid '");
      assertThatThrownBy(() -> domains.join(name, "a", "h")).hasMessageStartingWith("domain_id '");
    }
    assertThat(rig.cache.resolve("domains")).doesNotExist();
  }

  @Test
  void aBlobOutlivesItsFirstUser() throws Exception {
    Lease a = domains.join("shop", "a", "/mnt/a");
    Lease b = domains.join("shop", "b", "/mnt/b");
    CachedBlob blob = a.openBlobs(image).get(0);
    blob.ensure(0, 4096);
    assertThat(b.openBlobs(image).get(0)).isSameAs(blob);
    a.close();
    readAll(blob, 0);
    assertThat(rig.dataBytes(0)).isEqualTo(rig.blob(0).tailOffset());
    assertThat(domains.status().getFirst().blobs())
        .allSatisfy(status -> assertThat(status.holders()).containsExactly("b"));
    b.close();
  }

  @Test
  void theOriginOfAUserThatLeftIsNotAskedAnyMore() throws Exception {
    Lease a = domains.join("shop", "a", "/mnt/a");
    Lease b = domains.join("shop", "b", "/mnt/b");
    Files.createSymbolicLink(dir.resolve("mirror"), dir.resolve("image"));
    a.openBlobs(image).get(0).ensure(0, 1);
    CachedBlob blob = b.openBlobs(RemoteImage.open(rig.backend("mirror"))).get(0);
    blob.ensure(4096, 1);
    assertThat(rig.origin.log().getLast().request().path()).startsWith("image/");
    a.close();
    rig.origin.clearLog();
    readAll(blob, 0);
    assertThat(rig.origin.requests("image/")).isZero();
    assertThat(rig.origin.requests("mirror/")).isPositive();
    b.close();
  }

  @Test
  void anotherUsersOriginStepsIn() throws Exception {
    Files.createSymbolicLink(dir.resolve("mirror"), dir.resolve("image"));
    try (Lease a = domains.join("shop", "a", "/mnt/a");
        Lease b = domains.join("shop", "b", "/mnt/b")) {
      CachedBlob blob = a.openBlobs(image).get(1);
      b.openBlobs(RemoteImage.open(rig.backend("mirror")));
      rig.origin.fault(FaultyOrigin.path("image/"), answer -> answer.status = 403);
      blob.ensure(0, 1);
      rig.origin.heal();
      rig.origin.fault(FaultyOrigin.path("mirror/"), answer -> answer.flipAt = answer.bodyOffset);
      readAll(blob, 1);
    }
  }

  @Test
  void theLayoutOfAnObjectIsKnownOnceForAllItsUsers() throws Exception {
    try (Lease a = domains.join("shop", "a", "/mnt/a");
        Lease b = domains.join("shop", "b", "/mnt/b")) {
      a.openBlobs(image);
      CachedBlob blob = b.openBlobs(image).get(0);
      Files.delete(rig.cache.resolve("domains/shop/tails/" + rig.blob(0).object().digest().hex()));
      a.close();
      rig.origin.clearLog();
      readAll(blob, 0);
      assertThat(rig.origin.log()).hasSize((int) rig.dataRequests(0));
      assertThat(b.metadataBytes()).isZero();
    }
  }

  @Test
  void aSourceThatDoesNotProveIsNamedAndGoesBehindTheOthersForAWhile() throws Exception {
    Files.createSymbolicLink(dir.resolve("mirror"), dir.resolve("image"));
    try (Lease a = domains.join("shop", "a", "/mnt/a");
        Lease b = domains.join("shop", "b", "/mnt/b")) {
      CachedBlob blob = a.openBlobs(image).get(0);
      rig.origin.fault(FaultyOrigin.path("image/"), answer -> answer.flipAt = answer.bodyOffset);
      assertThatThrownBy(() -> blob.ensure(0, 1))
          .isInstanceOf(CorruptDataException.class)
          .hasMessageContaining(" from " + rig.origin.url() + "/image/" + rig.blob(0).path());
      b.openBlobs(RemoteImage.open(rig.backend("mirror")));
      // The other one fails as well, and still is the better one.
      rig.origin.fault(1, FaultyOrigin.path("mirror/blobs/"), answer -> answer.status = 403);
      assertThatThrownBy(() -> blob.ensure(0, 1)).isInstanceOf(CorruptDataException.class);
      rig.origin.clearLog();
      readAll(blob, 0);
      assertThat(rig.origin.requests("image/")).isZero();
    }
  }

  @Test
  void aDeadOriginDoesNotHoldUpTheOthers() throws Exception {
    CountDownLatch held = new CountDownLatch(1);
    try (FaultyOrigin dead = FaultyOrigin.serve(dir);
        Backend deadBackend =
            new HttpBackend(
                dead.url() + "/image",
                HttpBackend.client(Duration.ofSeconds(2)),
                new HttpTimes(60_000, 60_000, 1));
        Lease a = domains.join("shop", "a", "/mnt/a");
        Lease b = domains.join("lab", "b", "/mnt/b");
        ExecutorService executor = Executors.newVirtualThreadPerTaskExecutor()) {
      List<CachedBlob> stuck = a.openBlobs(RemoteImage.open(deadBackend));
      dead.fault(FaultyOrigin.any(), answer -> answer.beforeHeaders = () -> await(held));
      List<Future<Throwable>> readers = new ArrayList<>();
      for (int i = 0; i < 16; i++) {
        CachedBlob blob = stuck.get(i % 2);
        long offset = i / 2 * 16_384L;
        readers.add(executor.submit(() -> catchThrowable(() -> blob.ensure(offset, 1))));
      }
      readBoth(b);
      assertThat(readers).noneMatch(Future::isDone);
      stuck.forEach(blob -> blob.prefetch(0, blob.sizeBytes()));
      held.countDown();
      for (Future<Throwable> reader : readers) {
        assertThat(reader.get(10, TimeUnit.SECONDS)).isNull();
      }
    }
  }

  private static void await(CountDownLatch latch) {
    await(latch, 10_000);
  }

  @Test
  void anOriginThatFailedIsLeftAloneForAWhile() throws Exception {
    try (Fetcher patient = new Fetcher(Rig.EXACT, 60_000)) {
      Domains others = new Domains(rig.store, patient);
      try (Lease a = others.join("shop", "a", "/mnt/a")) {
        CachedBlob blob = a.openBlobs(image).get(0);
        rig.origin.fault(rig.data(0), answer -> answer.status = 503);
        assertThatThrownBy(() -> blob.ensure(0, 1)).hasMessageContaining("(tried 3 times in ");
        rig.origin.heal();
        rig.origin.clearLog();
        assertThatThrownBy(() -> blob.ensure(0, 1))
            .isInstanceOf(BackendException.class)
            .hasMessageStartingWith(rig.origin.url() + ": failing since 2")
            .hasMessageContaining("the origin answered 503");
        assertThat(rig.origin.log()).isEmpty();
      }
    }
  }

  @Test
  void theDomainGoesWithItsLastUserAndItsBytesStay() throws Exception {
    Lease a = domains.join("shop", "a", "/mnt/a");
    readBoth(a);
    a.bootstrap(image);
    Path data = a.openBlobs(image).get(0).path();
    a.close();
    assertThat(domains.status()).isEmpty();
    assertThat(data).hasBinaryContent(rig.blob(0).plain());
    rig.origin.clearLog();
    try (Lease b = domains.join("shop", "b", "/mnt/b")) {
      assertThat(b.bootstrap(image).fetchedBytes()).isZero();
      readBoth(b);
      assertThat(rig.origin.log()).isEmpty();
      assertThat(b.openBlobs(image)).allMatch(CachedBlob::isComplete);
    }
  }

  @Test
  void statusNamesWhoHoldsWhat() throws Exception {
    Instant start = Instant.now().minusSeconds(1);
    try (Lease a = domains.join("shop", "a", "/mnt/a");
        Lease b = domains.join("shop", "b", "/mnt/b")) {
      b.openBlobs(image);
      a.openBlobs(image).get(0).ensure(0, 2 * 4096);
      a.bootstrap(image);
      DomainStatus status = domains.status().getFirst();
      assertThat(status.domainId()).isEqualTo("shop");
      assertThat(status.since()).isBetween(start, Instant.now());
      assertThat(status.members())
          .extracting(DomainStatus.Member::fsid, DomainStatus.Member::holder)
          .containsExactly(
              org.assertj.core.groups.Tuple.tuple("a", "/mnt/a"),
              org.assertj.core.groups.Tuple.tuple("b", "/mnt/b"));
      assertThat(status.metadataBytes())
          .isEqualTo(
              rig.image.bootstrap().length
                  + rig.blob(0).object().sizeBytes()
                  - rig.blob(0).tailOffset()
                  + rig.blob(1).object().sizeBytes()
                  - rig.blob(1).tailOffset())
          .isEqualTo(a.metadataBytes() + b.metadataBytes());
      BlobStatus blob = status.blobs().getFirst();
      assertThat(blob.id()).isEqualTo(rig.blob(0).id().hex());
      assertThat(blob.isVerified()).isTrue();
      assertThat(blob.holders()).containsExactly("b", "a");
      assertThat(blob.spansPresent()).isEqualTo(2);
      assertThat(blob.spansTotal()).isEqualTo(40);
      assertThat(blob.fetchedBytes()).isEqualTo(2 * 4096);
      assertThat(blob.requests()).isEqualTo(1);
      assertThat(blob.plainBytes()).isEqualTo(rig.blob(0).plain().length);
    }
  }

  @Test
  void theSameBlobTwiceInOneImageIsOneBlob() throws Exception {
    TestImage.Content same = new TestImage.Content(TestImage.noise(5, 10_000), 12, SpanCodec.PLAIN);
    TestImage.write(dir.resolve("twice"), new byte[4096], same, same);
    for (String domain : new String[] {"shop", null}) {
      try (Lease lease = domains.join(domain, "t", "/mnt/t")) {
        List<CachedBlob> blobs = lease.openBlobs(RemoteImage.open(rig.backend("twice")));
        assertThat(blobs.get(0)).isSameAs(blobs.get(1));
        assertThat(domains.status().getFirst().blobs()).hasSize(1);
        assertThat(blobs.get(0).readBytes(0, 10_000)).isEqualTo(TestImage.noise(5, 10_000));
      }
    }
  }

  @Test
  void aFailedOpenUnwindsAndIsTriedAgain() throws Exception {
    Lease a = domains.join("shop", "a", "/mnt/a");
    // The first blob opens, the second does not.
    rig.origin.fault(
        FaultyOrigin.path("image/" + rig.blob(1).path()), answer -> answer.status = 404);
    assertThatThrownBy(() -> a.openBlobs(image))
        .isInstanceOf(BackendException.class)
        .hasMessage(
            rig.origin.url()
                + "/image/"
                + rig.blob(1).path()
                + ": the origin answered 404: no such object: check the URL");
    DomainStatus status = domains.status().getFirst();
    assertThat(status.members()).hasSize(1);
    assertThat(status.blobs()).isEmpty();
    assertThat(filesOpenBelow(rig.cache)).isEmpty();
    rig.origin.heal();
    readBoth(a);
    a.close();
  }

  @Test
  void aFailedSecondUserLeavesTheFirstAsItWas() throws Exception {
    try (Lease a = domains.join("shop", "a", "/mnt/a")) {
      readBoth(a);
      List<DomainStatus> before = domains.status();
      TestImage.Content more = new TestImage.Content(TestImage.noise(6, 5000), 12, SpanCodec.PLAIN);
      TestImage second =
          TestImage.write(
              dir.resolve("second"),
              new byte[4096],
              new TestImage.Content(rig.blob(0).plain(), 12, SpanCodec.PLAIN),
              more);
      Files.delete(dir.resolve("second").resolve(second.blobs().get(1).path()));
      Lease b = domains.join("shop", "b", "/mnt/b");
      RemoteImage remote = RemoteImage.open(rig.backend("second"));
      assertThatThrownBy(() -> b.openBlobs(remote)).hasMessageContaining("404");
      assertThat(domains.status().getFirst().blobs()).isEqualTo(before.getFirst().blobs());
      b.close();
      assertThat(domains.status().getFirst().members()).isEqualTo(before.getFirst().members());
      assertThat(domains.status().getFirst().blobs()).isEqualTo(before.getFirst().blobs());
      readBoth(a);
    }
  }

  @Test
  void aSecondUserDoesNotFailWithTheFirst() throws Exception {
    // The first one's origin is dead; the second one waits for it and then uses its own.
    Files.createSymbolicLink(dir.resolve("mirror"), dir.resolve("image"));
    RemoteImage mirror = RemoteImage.open(rig.backend("mirror"));
    CountDownLatch asked = new CountDownLatch(1);
    CountDownLatch held = new CountDownLatch(1);
    rig.origin.fault(
        FaultyOrigin.path("image/" + rig.blob(0).path()),
        answer -> {
          answer.status = 403;
          answer.beforeHeaders =
              () -> {
                asked.countDown();
                try {
                  held.await(10, TimeUnit.SECONDS);
                } catch (InterruptedException e) {
                  Thread.currentThread().interrupt();
                }
              };
        });
    try (Lease a = domains.join("shop", "a", "/mnt/a");
        Lease b = domains.join("shop", "b", "/mnt/b");
        ExecutorService executor = Executors.newFixedThreadPool(2)) {
      Future<Throwable> first = executor.submit(() -> catchThrowable(() -> a.openBlobs(image)));
      assertThat(asked.await(10, TimeUnit.SECONDS)).isTrue();
      Future<List<CachedBlob>> second = executor.submit(() -> b.openBlobs(mirror));
      held.countDown();
      assertThat(first.get()).hasMessageContaining("403");
      readAll(second.get().get(0), 0);
      assertThat(domains.status().getFirst().blobs())
          .allSatisfy(status -> assertThat(status.holders()).containsExactly("b"));
    }
  }

  @Test
  void aLeaseThatClosesWhileItOpensLeavesNothing() throws Exception {
    CountDownLatch asked = new CountDownLatch(1);
    CountDownLatch held = new CountDownLatch(1);
    rig.origin.fault(
        FaultyOrigin.path("image/" + rig.blob(0).path()),
        answer ->
            answer.beforeHeaders =
                () -> {
                  asked.countDown();
                  try {
                    held.await(10, TimeUnit.SECONDS);
                  } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                  }
                });
    Lease a = domains.join("shop", "a", "/mnt/a");
    try (ExecutorService executor = Executors.newFixedThreadPool(1)) {
      Future<Throwable> opening = executor.submit(() -> catchThrowable(() -> a.openBlobs(image)));
      assertThat(asked.await(10, TimeUnit.SECONDS)).isTrue();
      a.close();
      assertThat(domains.status()).isEmpty();
      held.countDown();
      assertThat(opening.get()).hasMessage("the lease of fsid 'a' for /mnt/a is closed");
    }
    assertThatThrownBy(() -> a.openBlobs(image)).hasMessageEndingWith("is closed");
    assertThatThrownBy(() -> a.bootstrap(image)).hasMessageEndingWith("is closed");
    a.close();
  }

  @Test
  void bootstrapsAreFetchedOnceAndProvenAtEachUse() throws Exception {
    try (Lease a = domains.join("shop", "a", "/mnt/a");
        Lease b = domains.join("shop", "b", "/mnt/b");
        ExecutorService executor = Executors.newFixedThreadPool(2)) {
      Future<CachedBootstrap> first = executor.submit(() -> a.bootstrap(image));
      Future<CachedBootstrap> second = executor.submit(() -> b.bootstrap(image));
      assertThat(first.get().fetchedBytes() + second.get().fetchedBytes())
          .isEqualTo(rig.image.bootstrap().length);
      Path path = first.get().path();
      assertThat(path).hasBinaryContent(rig.image.bootstrap());
      assertThat(path).hasParentRaw(rig.cache.resolve("domains/shop/bootstraps"));
      // A flipped byte on disk is found, and the file replaced: who has it open keeps the old one.
      byte[] bytes = rig.image.bootstrap().clone();
      bytes[77] ^= 1;
      Files.write(path, bytes);
      assertThat(a.bootstrap(image).fetchedBytes()).isEqualTo(bytes.length);
      assertThat(path).hasBinaryContent(rig.image.bootstrap());
      Files.write(path, new byte[10]);
      assertThat(a.bootstrap(image).fetchedBytes()).isEqualTo(bytes.length);
      try (var source = a.bootstrap(image).source()) {
        assertThat(source.readBytes(0, bytes.length)).isEqualTo(rig.image.bootstrap());
      }
    }
  }

  @Test
  void whatTheCacheCanNotReadIsHadAnew() throws Exception {
    try (Lease a = domains.join("shop", "a", "/mnt/a")) {
      a.bootstrap(image);
      readBoth(a);
    }
    Failpoint.set(
        place -> {
          if (place.equals("cache-read")) {
            throw new IOException("Input/output error");
          }
        });
    rig.origin.clearLog();
    try (Lease a = domains.join("shop", "a", "/mnt/a")) {
      assertThat(a.bootstrap(image).path()).hasBinaryContent(rig.image.bootstrap());
      assertThat(a.metadataBytes()).isEqualTo(rig.image.bootstrap().length);
      readBoth(a);
    } finally {
      Failpoint.set(null);
    }
    assertFetched(1);
  }

  @Test
  void aSpanTableThatCanNotBeKeptIsUsedAllTheSame() throws Exception {
    Files.createDirectories(rig.cache.resolve("domains/shop"));
    Files.writeString(rig.cache.resolve("domains/shop/tails"), "in the way");
    try (Lease a = domains.join("shop", "a", "/mnt/a")) {
      readBoth(a);
    }
  }

  @Test
  void whoWaitsForASlowBootstrapWaitsAsLongAsItComes() throws Exception {
    Domains hasty = new Domains(rig.store, rig.fetcher, 300);
    CountDownLatch asked = new CountDownLatch(1);
    CountDownLatch never = new CountDownLatch(1);
    CountDownLatch held = new CountDownLatch(1);
    rig.origin.fault(
        1,
        FaultyOrigin.path("image/" + image.manifest().bootstrap().path()),
        answer -> {
          answer.beforeHeaders =
              () -> {
                asked.countDown();
                await(held);
              };
          answer.pieceBytes = 1024;
          answer.beforePiece = () -> await(never, 100);
        });
    try (Lease a = hasty.join("shop", "a", "/mnt/a");
        Lease b = hasty.join("shop", "b", "/mnt/b");
        ExecutorService executor = Executors.newFixedThreadPool(1)) {
      Future<CachedBootstrap> first = executor.submit(() -> a.bootstrap(image));
      await(asked);
      RefusedException e = catchThrowableOfType(RefusedException.class, () -> b.bootstrap(image));
      assertThat(e.errno()).isEqualTo(Errno.EBUSY);
      held.countDown();
      assertThat(b.bootstrap(image).fetchedBytes()).isZero();
      assertThat(first.get().fetchedBytes()).isEqualTo(rig.image.bootstrap().length);
    }
  }

  private static void await(CountDownLatch latch, long millis) {
    try {
      latch.await(millis, TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Test
  void aBootstrapThatDoesNotProveIsNotKept() throws Exception {
    String path = image.manifest().bootstrap().path();
    try (Lease a = domains.join("shop", "a", "/mnt/a")) {
      rig.origin.fault(FaultyOrigin.path("image/" + path), answer -> answer.flipAt = 5000);
      assertThatThrownBy(() -> a.bootstrap(image))
          .isInstanceOf(CorruptDataException.class)
          .hasMessageMatching(
              ".*/image/"
                  + path
                  + ": its digest is sha256:[0-9a-f]{64}: the origin's data is damaged or was changed");
      assertThat(Files.list(rig.cache.resolve("domains/shop/bootstraps"))).isEmpty();
      assertThat(Files.list(rig.cache.resolve("tmp"))).isEmpty();
      rig.origin.heal();
      assertThat(a.bootstrap(image).path()).hasBinaryContent(rig.image.bootstrap());
    }
  }

  @Test
  void aBlobThatIsNotWhatTheManifestSaysIsRefused() throws Exception {
    // Two objects swapped at the origin: same names, other content.
    Path first = dir.resolve("image").resolve(rig.blob(0).path());
    Path second = dir.resolve("image").resolve(rig.blob(1).path());
    byte[] one = Files.readAllBytes(first);
    byte[] other = Files.readAllBytes(second);
    Files.write(first, other);
    Files.write(second, one);
    try (Lease a = domains.join("shop", "a", "/mnt/a")) {
      assertThatThrownBy(() -> a.openBlobs(image))
          .isInstanceOf(BackendException.class)
          .hasMessageContaining("it was changed at the origin");
      // Of the right size, but not the right blob.
      Files.write(first, TestImage.noise(1, one.length));
      assertThatThrownBy(() -> a.openBlobs(image))
          .isInstanceOf(CorruptDataException.class)
          .hasMessageContaining("/image/" + rig.blob(0).path() + ": no AQBLOB footer");
      byte[] forged = one.clone();
      forged[(int) rig.blob(0).tailOffset() + 40] ^= 1;
      Files.write(first, forged);
      assertThatThrownBy(() -> a.openBlobs(image)).isInstanceOf(CorruptDataException.class);
      Files.write(first, one);
      Files.write(second, other);
      readBoth(a);
    }
  }

  private Path unverified(long seed) throws IOException {
    Path file = Files.write(dir.resolve("device.img"), TestImage.noise(seed, 3_000_000));
    Files.setLastModifiedTime(file, FileTime.from(Instant.now().minusSeconds(1000 + seed)));
    return file;
  }

  @Test
  void anUnverifiedObjectIsSharedAndShownAsSuch() throws Exception {
    unverified(1);
    Backend backend = rig.backend("");
    try (Lease a = domains.join("shop", "a", "/mnt/a");
        Lease b = domains.join("shop", "b", "/mnt/b")) {
      CachedBlob blob = a.openUnverified(backend, "device.img");
      assertThat(blob.isVerified()).isFalse();
      assertThat(blob.id()).isEqualTo(rig.origin.url() + "/device.img");
      assertThat(b.openUnverified(backend, "device.img")).isSameAs(blob);
      assertThat(blob.readBytes(0, 3_000_000)).isEqualTo(TestImage.noise(1, 3_000_000));
      BlobStatus status = domains.status().getFirst().blobs().getFirst();
      assertThat(status.isVerified()).isFalse();
      assertThat(status.holders()).containsExactly("a", "b");
      assertThat(status.fetchedBytes()).isEqualTo(3_000_000);
    }
    rig.origin.clearLog();
    try (Lease a = domains.join("shop", "c", "/mnt/c")) {
      CachedBlob blob = a.openUnverified(backend, "device.img");
      assertThat(blob.readBytes(0, 3_000_000)).isEqualTo(TestImage.noise(1, 3_000_000));
      assertThat(blob.status().fetchedBytes()).isZero();
      assertThat(rig.origin.bodyBytes("device.img")).isEqualTo(1);
    }
  }

  @Test
  void anUnverifiedObjectThatChangesIsAnErrorAndNeverAMix() throws Exception {
    unverified(1);
    Backend backend = rig.backend("");
    try (Lease a = domains.join("shop", "a", "/mnt/a")) {
      CachedBlob blob = a.openUnverified(backend, "device.img");
      blob.ensure(0, 1 << 20);
      unverified(2);
      assertThatThrownBy(() -> blob.ensure(1 << 20, 1))
          .isInstanceOf(BackendException.class)
          .hasMessageContainingAll("/device.img: has version", "it was changed at the origin");
      assertThat(blob.isPresent(1 << 20, 1)).isFalse();
      assertThat(blob.readBytes(0, 1 << 20)).isEqualTo(TestImage.noise(1, 1 << 20));
      // A newcomer may not share the name with another content.
      try (Lease b = domains.join("shop", "b", "/mnt/b")) {
        RefusedException e =
            catchThrowableOfType(
                RefusedException.class, () -> b.openUnverified(backend, "device.img"));
        assertThat(e.errno()).isEqualTo(Errno.EBUSY);
        assertThat(e.getMessage())
            .startsWith(rig.origin.url() + "/device.img: is in use as ")
            .endsWith("at its origin: unmount its users first");
      }
    }
    // With nobody there, the new content is fetched, and nothing of the old one is in it.
    try (Lease b = domains.join("shop", "b", "/mnt/b")) {
      CachedBlob blob = b.openUnverified(backend, "device.img");
      assertThat(blob.status().spansPresent()).isZero();
      assertThat(blob.readBytes(0, 3_000_000)).isEqualTo(TestImage.noise(2, 3_000_000));
    }
  }

  @Test
  void anOriginThatCanNotTellOfChangesIsRefused() throws Exception {
    unverified(1);
    rig.origin.fault(FaultyOrigin.path("device.img"), answer -> answer.headers.remove("etag"));
    try (Lease a = domains.join("shop", "a", "/mnt/a")) {
      assertThatThrownBy(() -> a.openUnverified(rig.backend(""), "device.img"))
          .isInstanceOf(BackendException.class)
          .hasMessage(
              rig.origin.url()
                  + "/device.img: the origin gives neither a strong ETag nor a Last-Modified date in the past: a change of it would go unnoticed");
      assertThat(domains.status().getFirst().blobs()).isEmpty();
    }
  }

  @Test
  void imagesInADirectoryWorkTheSame() throws Exception {
    try (Backend directory = Backend.open(dir.resolve("image").toString());
        Lease a = domains.join("shop", "a", "/mnt/a")) {
      RemoteImage local = RemoteImage.open(directory);
      assertThat(local.manifestDigest()).isEqualTo(image.manifestDigest());
      List<CachedBlob> blobs = a.openBlobs(local);
      readAll(blobs.get(0), 0);
      readAll(blobs.get(1), 1);
      assertThat(
              Arrays.equals(Files.readAllBytes(a.bootstrap(local).path()), rig.image.bootstrap()))
          .isTrue();
      assertThat(rig.origin.log()).isEmpty();
    }
  }
}
