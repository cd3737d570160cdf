package dev.aquifer.blob;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.aquifer.io.BackendException;
import dev.aquifer.io.CorruptDataException;
import dev.aquifer.io.Failpoint;
import dev.aquifer.testing.FaultyOrigin;
import dev.aquifer.testing.TestImage;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CachedBlobTest {
  @TempDir Path dir;
  private Rig rig;
  private Lease lease;

  private List<CachedBlob> open(Limits limits) throws IOException {
    rig = Rig.small(dir, limits);
    lease = rig.domains.join("shop", "a", "test");
    List<CachedBlob> blobs = lease.openBlobs(rig.remote());
    rig.origin.clearLog();
    return blobs;
  }

  @AfterEach
  void end() throws IOException {
    Failpoint.set(null);
    rig.origin.heal();
    lease.close();
    assertThat(rig.domains.status()).isEmpty();
    rig.close();
  }

  private byte[] truth(int device, long from, long length) {
    return Arrays.copyOfRange(rig.blob(device).plain(), (int) from, (int) (from + length));
  }

  private void checkSpan(CachedBlob blob, int device, int span) throws IOException {
    long from = blob.table().startBytes(span);
    int length = blob.table().lengthBytes(span);
    assertThat(blob.readBytes(from, length)).isEqualTo(truth(device, from, length));
  }

  @Test
  void readsTheBytesOfTheBlob() throws Exception {
    List<CachedBlob> blobs = open(Limits.DEFAULT);
    for (int device = 0; device < 2; device++) {
      CachedBlob blob = blobs.get(device);
      TestImage.Blob truth = rig.blob(device);
      assertThat(blob.id()).isEqualTo(truth.id().hex());
      assertThat(blob.isVerified()).isTrue();
      assertThat(blob.sizeBytes()).isEqualTo(truth.plain().length);
      assertThat(blob.readBytes(0, truth.plain().length)).isEqualTo(truth.plain());
      assertThat(Files.readAllBytes(blob.path())).isEqualTo(truth.plain());
      assertThat(rig.dataBytes(device)).isEqualTo(truth.tailOffset());
      BlobStatus status = blob.status();
      assertThat(status.fetchedBytes()).isEqualTo(truth.tailOffset());
      assertThat(status.requests()).isEqualTo(rig.dataRequests(device)).isEqualTo(1);
      assertThat(status.spansPresent()).isEqualTo(status.spansTotal());
    }
    assertThat(rig.blob(1).tailOffset()).isLessThan(rig.blob(1).plain().length / 2);
  }

  @Test
  void fetchesWhatIsAskedForAndNothingElse() throws Exception {
    CachedBlob blob = open(Rig.EXACT).get(0);
    assertThat(blob.isPresent(0, 1)).isFalse();
    blob.ensure(3 * 4096 + 5, 4096);
    assertThat(rig.spansAsked(0, 12)).containsExactly("3-4");
    assertThat(blob.isPresent(3 * 4096, 2 * 4096)).isTrue();
    assertThat(blob.isPresent(3 * 4096, 2 * 4096 + 1)).isFalse();
    assertThat(blob.isPresent(3 * 4096 - 1, 1)).isFalse();
    blob.ensure(3 * 4096, 2 * 4096);
    assertThat(rig.dataRequests(0)).isEqualTo(1);
    // All else is a hole.
    byte[] file = Files.readAllBytes(blob.path());
    byte[] expected = new byte[file.length];
    System.arraycopy(rig.blob(0).plain(), 3 * 4096, expected, 3 * 4096, 2 * 4096);
    assertThat(file).isEqualTo(expected);
  }

  @Test
  void rangesEndWithTheBlob() throws Exception {
    CachedBlob blob = open(Rig.EXACT).get(0);
    long size = blob.sizeBytes();
    blob.ensure(39 * 4096, 1 << 20);
    assertThat(rig.spansAsked(0, 12)).containsExactly("39-39");
    assertThat(blob.isPresent(39 * 4096, Long.MAX_VALUE)).isTrue();
    assertThat(blob.isPresent(size, 4096)).isTrue();
    assertThat(blob.isPresent(size + 5, 4096)).isTrue();
    assertThat(blob.isPresent(0, 0)).isTrue();
    blob.ensure(size, 1);
    blob.prefetch(size + 1, 1);
    assertThat(rig.dataRequests(0)).isEqualTo(1);
    assertThatThrownBy(() -> blob.isPresent(-1, 1)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> blob.readBytes(size - 1, 2)).isInstanceOf(CorruptDataException.class);
  }

  @Test
  void readsAheadWithinItsLimits() throws Exception {
    CachedBlob blob = open(Rig.EXACT.withReadAheadBytes(2 * 4096, 8 * 4096)).get(0);
    blob.ensure(0, 1);
    awaitPresent(blob, 0, 3 * 4096);
    assertThat(rig.spansAsked(0, 12)).containsExactly("0-2");
    // Reading what was fetched ahead asks for more, though it misses nothing.
    assertThat(blob.isPresent(4096, 4096)).isTrue();
    awaitPresent(blob, 0, 7 * 4096);
    assertThat(rig.spansAsked(0, 12)).containsExactly("0-2", "3-6");
    blob.setReadAheadBytes(0);
    assertThat(blob.isPresent(3 * 4096, 4096)).isTrue();
    blob.ensure(30 * 4096, 1);
    blob.ensure(35 * 4096, 1);
    assertThat(rig.spansAsked(0, 12)).containsExactly("0-2", "3-6", "30-30", "35-35");
  }

  @Test
  void aSequentialReadFetchesEachSpanOnceInFewRequests() throws Exception {
    CachedBlob blob = open(Rig.EXACT.withReadAheadBytes(2 * 4096, 16 * 4096)).get(0);
    for (int span = 0; span < 40; span++) {
      checkSpan(blob, 0, span);
    }
    assertThat(rig.dataBytes(0)).isEqualTo(rig.blob(0).plain().length);
    assertThat(rig.dataRequests(0)).isLessThan(12);
  }

  private static void awaitPresent(CachedBlob blob, int from, int to) {
    await(() -> blob.status().spansPresent() >= (to - from) / 4096);
  }

  private static void await(BooleanSupplier condition) {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
    while (!condition.getAsBoolean()) {
      assertThat(System.nanoTime()).isLessThan(deadline);
      Thread.onSpinWait();
    }
  }

  @Test
  void prefetchWaitsForNobody() throws Exception {
    CachedBlob blob = open(Rig.EXACT).get(0);
    CountDownLatch held = new CountDownLatch(1);
    rig.origin.fault(rig.data(0), answer -> answer.beforeBody = () -> awaitLatch(held));
    blob.prefetch(0, 8 * 4096);
    assertThat(blob.isPresent(0, 8 * 4096)).isFalse();
    held.countDown();
    awaitPresent(blob, 0, 8 * 4096);
    assertThat(rig.spansAsked(0, 12)).containsExactly("0-7");
  }

  @Test
  void nobodyGetsTheFailureOfARequestThatBeganBeforeHeAsked() throws Exception {
    CachedBlob blob = open(Rig.EXACT).get(0);
    CountDownLatch begun = new CountDownLatch(1);
    CountDownLatch held = new CountDownLatch(1);
    rig.origin.fault(
        rig.data(0),
        answer -> {
          answer.status = 404;
          answer.beforeHeaders = () -> awaitLatch(held);
          begun.countDown();
        });
    blob.prefetch(0, 8 * 4096);
    awaitLatch(begun);
    rig.origin.heal();
    AtomicReference<Throwable> failure = new AtomicReference<>();
    Thread reader = new Thread(() -> failure.set(catchThrowable(() -> checkSpan(blob, 0, 3))));
    reader.start();
    await(() -> reader.getState() == Thread.State.TIMED_WAITING);
    held.countDown();
    reader.join();
    assertThat(failure).hasNullValue();
    assertThat(rig.spansAsked(0, 12)).containsExactly("0-7", "3-3");
  }

  private static void awaitLatch(CountDownLatch latch) {
    try {
      assertThat(latch.await(10, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Test
  void completesInTheBackgroundAndSaysSoOnce() throws Exception {
    CachedBlob blob = open(Rig.EXACT).get(1);
    AtomicInteger runs = new AtomicInteger();
    CountDownLatch complete = new CountDownLatch(1);
    blob.whenComplete(runs::incrementAndGet);
    blob.whenComplete(
        () -> {
          throw new IllegalStateException("of the test: must not harm the next action");
        });
    blob.whenComplete(complete::countDown);
    assertThat(blob.isComplete()).isFalse();
    blob.fetchAll();
    assertThat(complete.await(10, TimeUnit.SECONDS)).isTrue();
    assertThat(blob.isComplete()).isTrue();
    assertThat(runs).hasValue(1);
    blob.whenComplete(runs::incrementAndGet);
    assertThat(runs).hasValue(2);
    assertThat(rig.dataBytes(1)).isEqualTo(rig.blob(1).tailOffset());
    blob.fetchAll();
    assertThat(Files.readAllBytes(blob.path())).isEqualTo(rig.blob(1).plain());
  }

  @Test
  void spansThatComeTogetherAreMadeDurableTogether() throws Exception {
    CachedBlob blob = open(Rig.EXACT).get(0);
    List<String> places = Collections.synchronizedList(new ArrayList<>());
    Failpoint.set(places::add);
    blob.ensure(0, 8 * 4096);
    Failpoint.set(null);
    assertThat(places).startsWith("request-sent", "bytes-in");
    assertThat(Collections.frequency(places, "verified")).isEqualTo(8);
    assertThat(Collections.frequency(places, "written")).isEqualTo(8);
    assertThat(Collections.frequency(places, "durable"))
        .isEqualTo(Collections.frequency(places, "bit-set"))
        .isBetween(1, 7);
    assertThat(places.lastIndexOf("durable")).isGreaterThan(places.lastIndexOf("written"));
  }

  @Test
  void whatDoesNotGetToTheDiskIsAbsentAndIsFetchedAtTheNextRead() throws Exception {
    CachedBlob blob = open(Rig.EXACT).get(0);
    Failpoint.set(
        place -> {
          if (place.equals("durable")) {
            throw new IOException("of the test");
          }
        });
    assertThatThrownBy(() -> blob.ensure(0, 4 * 4096)).hasMessage("of the test");
    assertThat(blob.status().spansPresent()).isZero();
    Failpoint.set(null);
    checkSpan(blob, 0, 0);
    checkSpan(blob, 0, 3);
  }

  @Test
  void aRecordThatFailsIsTriedAgainAndTakesNothingBack() throws Exception {
    CachedBlob blob = open(Rig.EXACT).get(0);
    AtomicInteger failures = new AtomicInteger();
    Failpoint.set(
        place -> {
          if (place.equals("record") && failures.incrementAndGet() <= 3) {
            throw new IOException("of the test");
          }
        });
    CountDownLatch complete = new CountDownLatch(1);
    blob.whenComplete(complete::countDown);
    blob.ensure(0, blob.sizeBytes());
    assertThat(complete.await(10, TimeUnit.SECONDS)).isTrue();
    assertThat(failures.get()).isGreaterThan(3);
    assertThat(rig.dataBytes(0)).isEqualTo(rig.blob(0).tailOffset());
    assertThat(blob.isPresent(0, blob.sizeBytes())).isTrue();
  }

  @Test
  void anActionOfAUserThatIsGoneIsForgotten() throws Exception {
    CachedBlob blob = open(Rig.EXACT).get(1);
    AtomicInteger runs = new AtomicInteger();
    CountDownLatch complete = new CountDownLatch(1);
    Runnable action = runs::incrementAndGet;
    CachedBlob.Waiting gone = blob.onComplete(action);
    blob.onComplete(action);
    blob.whenComplete(complete::countDown);
    gone.close();
    gone.close();
    blob.fetchAll();
    assertThat(complete.await(10, TimeUnit.SECONDS)).isTrue();
    assertThat(runs).hasValue(1);
    blob.onComplete(action).close();
    assertThat(runs).hasValue(2);
  }

  private static void flip(CachedBlob blob, long... offsets) throws IOException {
    try (FileChannel data =
        FileChannel.open(blob.path(), StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      for (long at : offsets) {
        ByteBuffer one = ByteBuffer.allocate(1);
        data.read(one, at);
        data.write(ByteBuffer.wrap(new byte[] {(byte) (one.get(0) ^ 1)}), at);
      }
    }
  }

  @Test
  void damageInTheCacheIsFoundAndFetchedAnew() throws Exception {
    CachedBlob blob = open(Rig.EXACT).get(0);
    blob.ensure(0, 10 * 4096);
    assertThat(blob.verify(true)).isEmpty();
    flip(blob, 3 * 4096 + 5, 7 * 4096, 20 * 4096);
    rig.origin.clearLog();
    assertThat(blob.verify(false)).containsExactly(3, 7);
    assertThat(blob.verify(true)).containsExactly(3, 7);
    assertThat(blob.status().spansPresent()).isEqualTo(8);
    // A power cut now: no record knows the damaged ones.
    for (int slot = 0; slot < 2; slot++) {
      assertThat(recordedSpans(blob, slot)).isEqualTo(0b11_0111_0111);
    }
    checkSpan(blob, 0, 3);
    checkSpan(blob, 0, 7);
    assertThat(rig.spansAsked(0, 12)).containsExactly("3-3", "7-7");
    assertThat(blob.verify(true)).isEmpty();
  }

  private static long recordedSpans(CachedBlob blob, int slot) throws IOException {
    byte[] map = Files.readAllBytes(blob.path().resolveSibling("spans"));
    return dev.aquifer.io.LittleEndian.u64(
        java.lang.foreign.MemorySegment.ofArray(map), slot * map.length / 2 + 128);
  }

  @Test
  void aCompleteBlobThatIsDamagedIsCompletedAgain() throws Exception {
    CachedBlob blob = open(Rig.EXACT).get(1);
    CountDownLatch first = new CountDownLatch(1);
    blob.whenComplete(first::countDown);
    blob.ensure(0, blob.sizeBytes());
    assertThat(first.await(10, TimeUnit.SECONDS)).isTrue();
    flip(blob, 0);
    CountDownLatch held = new CountDownLatch(1);
    rig.origin.fault(rig.data(1), answer -> answer.beforeHeaders = () -> awaitLatch(held));
    assertThat(blob.verify(true)).containsExactly(0);
    assertThat(blob.isComplete()).isFalse();
    CountDownLatch again = new CountDownLatch(1);
    blob.whenComplete(again::countDown);
    held.countDown();
    assertThat(again.await(10, TimeUnit.SECONDS)).isTrue();
    assertThat(Files.readAllBytes(blob.path())).isEqualTo(rig.blob(1).plain());
  }

  @Test
  void verifyingDoesNotDisturbReaders() throws Exception {
    CachedBlob blob = open(Rig.EXACT).get(0);
    blob.ensure(0, blob.sizeBytes());
    try (ExecutorService executor = Executors.newFixedThreadPool(2)) {
      Future<Integer> verifying =
          executor.submit(
              () -> {
                int found = 0;
                for (int i = 0; i < 30; i++) {
                  found += blob.verify(true).size();
                }
                return found;
              });
      Future<?> reading =
          executor.submit(
              () -> {
                for (int i = 0; i < 300; i++) {
                  checkSpan(blob, 0, i % 40);
                }
                return null;
              });
      assertThat(verifying.get(30, TimeUnit.SECONDS)).isZero();
      reading.get(30, TimeUnit.SECONDS);
    }
  }

  @Test
  void aByteFlippedOnItsWayIsHealed() throws Exception {
    List<CachedBlob> blobs = open(Rig.EXACT);
    for (int device = 0; device < 2; device++) {
      int flipAt = device == 0 ? 5 * 4096 + 17 : 3_000;
      rig.origin.fault(1, rig.data(device), answer -> answer.flipAt = flipAt);
      assertThat(blobs.get(device).readBytes(0, 12 * 4096)).isEqualTo(truth(device, 0, 12 * 4096));
    }
    // Only what did not prove, and what came behind it, is fetched again.
    assertThat(rig.spansAsked(0, 12)).containsExactly("0-11", "5-11");
  }

  @Test
  void aByteFlippedAtTheOriginIsRefusedAndNeverSeen() throws Exception {
    CachedBlob blob = open(Rig.EXACT).get(0);
    rig.origin.fault(rig.data(0), answer -> answer.flipAt = 5 * 4096 + 17);
    Throwable e = catchThrowable(() -> blob.ensure(0, 8 * 4096));
    assertThat(e)
        .isInstanceOf(CorruptDataException.class)
        .hasMessage(
            "blob %s from %s/image/%s: span 5 at byte 20480: wrong digest: the origin's data is damaged or was changed"
                .formatted(rig.blob(0).id().hex(), rig.origin.url(), rig.blob(0).path()));
    assertThat(blob.isPresent(5 * 4096, 1)).isFalse();
    byte[] file = Files.readAllBytes(blob.path());
    assertThat(Arrays.copyOfRange(file, 5 * 4096, 6 * 4096)).isEqualTo(new byte[4096]);
    // Its neighbours come through the same origin, in the same request.
    for (int span : new int[] {0, 1, 2, 3, 4, 6, 7}) {
      checkSpan(blob, 0, span);
    }
    rig.origin.heal();
    checkSpan(blob, 0, 5);
  }

  @Test
  void aDamagedFrameIsRefused() throws Exception {
    CachedBlob blob = open(Rig.EXACT).get(1);
    rig.origin.fault(rig.data(1), answer -> answer.flipAt = 0);
    assertThatThrownBy(() -> blob.ensure(0, 1))
        .isInstanceOf(CorruptDataException.class)
        .hasMessageStartingWith("blob " + rig.blob(1).id().hex() + " from " + rig.origin.url())
        .hasMessageContaining(": span 0");
    assertThat(blob.isPresent(0, 1)).isFalse();
    rig.origin.heal();
    checkSpan(blob, 1, 0);
  }

  @Test
  void twoReadersOfOneSpanMakeOneRequest() throws Exception {
    CachedBlob blob = open(Rig.EXACT).get(0);
    CountDownLatch held = new CountDownLatch(1);
    rig.origin.fault(rig.data(0), answer -> answer.beforeBody = () -> awaitLatch(held));
    try (ExecutorService executor = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<byte[]>> readers = new ArrayList<>();
      for (int i = 0; i < 20; i++) {
        readers.add(executor.submit(() -> blob.readBytes(7 * 4096, 100)));
      }
      held.countDown();
      for (Future<byte[]> reader : readers) {
        assertThat(reader.get(10, TimeUnit.SECONDS)).isEqualTo(truth(0, 7 * 4096, 100));
      }
    }
    assertThat(rig.spansAsked(0, 12)).containsExactly("7-7");
  }

  @Test
  void aFailureIsForAllWhoWaitAndTheNextReadTriesAgain() throws Exception {
    CachedBlob blob = open(Rig.EXACT).get(0);
    CountDownLatch held = new CountDownLatch(1);
    rig.origin.fault(
        rig.data(0),
        answer -> {
          answer.status = 403;
          answer.beforeHeaders = () -> awaitLatch(held);
        });
    try (ExecutorService executor = Executors.newVirtualThreadPerTaskExecutor()) {
      CountDownLatch asking = new CountDownLatch(10);
      List<Future<Throwable>> readers = new ArrayList<>();
      for (int i = 0; i < 10; i++) {
        readers.add(
            executor.submit(
                () -> {
                  asking.countDown();
                  return catchThrowable(() -> blob.ensure(0, 1));
                }));
      }
      awaitLatch(asking);
      held.countDown();
      for (Future<Throwable> reader : readers) {
        assertThat(reader.get(10, TimeUnit.SECONDS))
            .isInstanceOf(BackendException.class)
            .hasMessageContaining("the origin answered 403: access denied");
      }
    }
    rig.origin.heal();
    checkSpan(blob, 0, 0);
  }

  @Test
  void aReaderWaitsNoLongerThanItsLimit() throws Exception {
    Limits hasty = new Limits(64 << 10, 1, 1, 0, 0, 300, 50);
    CachedBlob blob = open(hasty).get(0);
    CountDownLatch held = new CountDownLatch(1);
    rig.origin.fault(rig.data(0), answer -> answer.beforeHeaders = () -> awaitLatch(held));
    BackendException e = catchThrowableOfType(BackendException.class, () -> blob.ensure(0, 1));
    assertThat(e)
        .hasMessage("blob %s: span 0: not there within 300 ms".formatted(rig.blob(0).id().hex()));
    assertThat(e.isTransient()).isTrue();
    held.countDown();
    awaitPresent(blob, 0, 4096);
    checkSpan(blob, 0, 0);
  }

  @Test
  void whateverComesOfTheBlobRestartsTheWait() throws Exception {
    // Eight requests of one span, one at a time, that together take far longer than the limit.
    CachedBlob blob = open(new Limits(1, 1, 1, 0, 0, 400, 50)).get(0);
    rig.origin.fault(rig.data(0), answer -> answer.beforeBody = () -> pause(100));
    blob.ensure(0, 8 * 4096);
    assertThat(rig.dataRequests(0)).isEqualTo(8);
  }

  private static void pause(long millis) {
    CountDownLatch never = new CountDownLatch(1);
    try {
      assertThat(never.await(millis, TimeUnit.MILLISECONDS)).isFalse();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Test
  void whatNobodyWaitsForAnyMoreIsNotFetched() throws Exception {
    CachedBlob blob = open(new Limits(64 << 10, 1, 1, 0, 0, 300, 50)).get(0);
    CountDownLatch held = new CountDownLatch(1);
    rig.origin.fault(1, rig.data(0), answer -> answer.beforeHeaders = () -> awaitLatch(held));
    assertThatThrownBy(() -> blob.ensure(0, 1)).hasMessageEndingWith("not there within 300 ms");
    assertThatThrownBy(() -> blob.ensure(10 * 4096, 1))
        .hasMessageEndingWith("not there within 300 ms");
    held.countDown();
    checkSpan(blob, 0, 20);
    assertThat(rig.spansAsked(0, 12)).containsExactly("0-0", "20-20");
  }

  @Test
  void anInterruptedReaderLeavesTheOthersAlone() throws Exception {
    CachedBlob blob = open(Rig.EXACT).get(0);
    CountDownLatch asked = new CountDownLatch(1);
    CountDownLatch held = new CountDownLatch(1);
    rig.origin.fault(
        rig.data(0),
        answer ->
            answer.beforeBody =
                () -> {
                  asked.countDown();
                  awaitLatch(held);
                });
    List<Throwable> thrown = new ArrayList<>();
    Thread reader =
        Thread.ofVirtual().start(() -> thrown.add(catchThrowable(() -> blob.ensure(0, 1))));
    awaitLatch(asked);
    reader.interrupt();
    assertThat(reader.join(Duration.ofSeconds(10))).isTrue();
    assertThat(thrown).hasOnlyElementsOfType(InterruptedIOException.class);
    held.countDown();
    checkSpan(blob, 0, 0);
    assertThat(rig.dataRequests(0)).isEqualTo(1);
  }

  @Test
  void closingTheLeaseEndsRequestsAtOnce() throws Exception {
    CachedBlob blob = open(new Limits(64 << 10, 2, 1, 0, 0, 60_000, 50)).get(0);
    CountDownLatch asked = new CountDownLatch(1);
    rig.origin.fault(
        rig.data(0),
        answer -> {
          answer.beforeBody = asked::countDown;
          answer.stallAfter = 100;
        });
    try (ExecutorService executor = Executors.newVirtualThreadPerTaskExecutor()) {
      Future<Throwable> waiting = executor.submit(() -> catchThrowable(() -> blob.ensure(0, 1)));
      awaitLatch(asked);
      long start = System.nanoTime();
      lease.close();
      assertThat(System.nanoTime() - start).isLessThan(TimeUnit.MILLISECONDS.toNanos(450));
      assertThat(waiting.get(10, TimeUnit.SECONDS)).isInstanceOf(IOException.class);
    }
    assertThatThrownBy(() -> blob.ensure(0, 1)).hasMessageEndingWith("is closed");
    blob.prefetch(0, 4096);
    blob.fetchAll();
  }

  @Test
  void aRestartFindsWhatWasFetched() throws Exception {
    CachedBlob blob = open(Rig.EXACT).get(0);
    blob.ensure(0, 10 * 4096);
    lease.close();
    RemoteImage remote = rig.remote();
    rig.restart();
    rig.origin.clearLog();
    lease = rig.domains.join("shop", "b", "test");
    CachedBlob again = lease.openBlobs(remote).get(0);
    assertThat(again.isPresent(0, 10 * 4096)).isTrue();
    assertThat(again.readBytes(0, 10 * 4096)).isEqualTo(truth(0, 0, 10 * 4096));
    assertThat(again.status().fetchedBytes()).isZero();
    assertThat(rig.origin.log()).isEmpty();
    checkSpan(again, 0, 12);
    assertThat(rig.spansAsked(0, 12)).containsExactly("12-12");
  }

  @Test
  void aCompleteBlobIsCompleteAfterARestart() throws Exception {
    CachedBlob blob = open(Rig.EXACT).get(1);
    blob.ensure(0, blob.sizeBytes());
    lease.close();
    RemoteImage remote = rig.remote();
    rig.restart();
    lease = rig.domains.join("shop", "b", "test");
    CachedBlob again = lease.openBlobs(remote).get(1);
    assertThat(again.isComplete()).isTrue();
    AtomicInteger runs = new AtomicInteger();
    again.whenComplete(runs::incrementAndGet);
    assertThat(runs).hasValue(1);
  }

  @Test
  void dataThatWasCutIsFetchedAgain() throws Exception {
    CachedBlob blob = open(Rig.EXACT).get(0);
    blob.ensure(0, blob.sizeBytes());
    Path data = blob.path();
    lease.close();
    Files.write(data, new byte[100]);
    lease = rig.domains.join("shop", "b", "test");
    CachedBlob again = lease.openBlobs(rig.remote()).get(0);
    assertThat(again.status().spansPresent()).isZero();
    assertThat(again.readBytes(0, (int) again.sizeBytes())).isEqualTo(rig.blob(0).plain());
  }

  @Test
  void aTailThatLiesAboutPlacesIsHadAnew() throws Exception {
    open(Rig.EXACT);
    lease.close();
    // Digests right, checksum right, places wrong: what an origin of bad will could have left.
    Path tail = dir.resolve("cache/domains/shop/tails/" + rig.blob(1).object().digest().hex());
    byte[] bytes = Files.readAllBytes(tail);
    java.lang.foreign.MemorySegment segment = java.lang.foreign.MemorySegment.ofArray(bytes);
    long lengthsAt = 32 + 10 * 32;
    long first = dev.aquifer.io.LittleEndian.u32(segment, lengthsAt);
    long second = dev.aquifer.io.LittleEndian.u32(segment, lengthsAt + 4);
    dev.aquifer.io.LittleEndian.put32(segment, lengthsAt, first + 10);
    dev.aquifer.io.LittleEndian.put32(segment, lengthsAt + 4, second - 10);
    java.util.zip.CRC32C crc = new java.util.zip.CRC32C();
    crc.update(bytes, 0, bytes.length - 4);
    dev.aquifer.io.LittleEndian.put32(segment, bytes.length - 4, crc.getValue());
    Files.write(tail, bytes);
    lease = rig.domains.join("shop", "b", "test");
    CachedBlob blob = lease.openBlobs(rig.remote()).get(1);
    assertThat(blob.readBytes(0, (int) blob.sizeBytes())).isEqualTo(rig.blob(1).plain());
  }

  @Test
  void aDamagedTailInTheCacheIsHadAnew() throws Exception {
    open(Rig.EXACT);
    lease.close();
    Path tail = dir.resolve("cache/domains/shop/tails/" + rig.blob(0).object().digest().hex());
    byte[] bytes = Files.readAllBytes(tail);
    bytes[40] ^= 1;
    Files.write(tail, bytes);
    lease = rig.domains.join("shop", "b", "test");
    checkSpan(lease.openBlobs(rig.remote()).get(0), 0, 3);
    assertThat(Files.readAllBytes(tail)[40]).isEqualTo((byte) (bytes[40] ^ 1));
  }

  @Test
  void oneRequestAtATimeStillServesAll() throws Exception {
    List<CachedBlob> blobs = open(new Limits(1, 1, 0, 0, 0, 20_000, 50));
    rig.origin.fault(FaultyOrigin.any(), answer -> answer.pieceBytes = 1000);
    for (int device = 0; device < 2; device++) {
      assertThat(blobs.get(device).readBytes(0, rig.blob(device).plain().length))
          .isEqualTo(rig.blob(device).plain());
    }
    assertThat(rig.dataRequests(0)).isEqualTo(40);
    assertThat(rig.origin.mostInFlight()).isEqualTo(1);
  }
}
