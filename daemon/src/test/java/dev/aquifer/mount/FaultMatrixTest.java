package dev.aquifer.mount;

import static dev.aquifer.mount.FanotifyServerTest.await;
import static org.assertj.core.api.Assertions.assertThat;

import dev.aquifer.io.Failpoint;
import dev.aquifer.testing.FaultyOrigin;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every step on the way of a byte goes wrong in every way, in a first mount and in a second one of
 * a domain: the mount fails or its readers get errors, never a wrong byte; and as soon as nothing
 * is wrong any more all is right, and at the end nothing is left.
 */
@Tag("root")
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class FaultMatrixTest {
  @RegisterExtension static final MountRoot ROOT = new MountRoot();

  private final CountDownLatch go = new CountDownLatch(1);

  /** Opened when the first one hangs at a failpoint. */
  private final CountDownLatch hung = new CountDownLatch(1);

  private Shop shop;
  private byte[] noise;

  @BeforeEach
  void open() throws Exception {
    shop = new Shop(ROOT.directory());
    noise = Files.readAllBytes(shop.tree.resolve("noise"));
  }

  @AfterEach
  void close() throws Exception {
    go.countDown();
    Failpoint.set(null);
    shop.close();
  }

  private enum Kind {
    FAIL,
    SHORT,
    SLOW,
    WRONG,
    HANG
  }

  /** Where and how: what the origin is asked for, or the name of a failpoint. */
  static Stream<Arguments> faults() {
    List<Arguments> faults = new ArrayList<>();
    for (boolean isSecond : new boolean[] {false, true}) {
      for (String object : List.of("index.json", "blobs/")) {
        for (Kind kind : Kind.values()) {
          faults.add(Arguments.of(object, kind, isSecond));
        }
      }
      for (String place :
          List.of(
              "request-sent",
              "bytes-in",
              "verified",
              "written",
              "durable",
              "bit-set",
              "record",
              "journalled")) {
        for (Kind kind : List.of(Kind.FAIL, Kind.SLOW, Kind.HANG)) {
          faults.add(Arguments.of(place, kind, isSecond));
        }
      }
      // An answer can't fail; that it is not given is what killing is for.
      faults.add(Arguments.of("answer", Kind.SLOW, isSecond));
      faults.add(Arguments.of("answer", Kind.HANG, isSecond));
    }
    return faults.stream();
  }

  @ParameterizedTest
  @MethodSource("faults")
  void noFaultGivesAWrongByte(String where, Kind kind, boolean isSecond) throws Exception {
    if (isSecond) {
      shop.mount("one", "a", "domain_id=shop,prefetch=0");
    }
    String image = isSecond ? "two" : "one";
    begin(where, kind, image);

    mountAndRead(where, image, kind);
    go.countDown();
    shop.origin.heal();
    Failpoint.set(null);

    if (shop.mounts.status().stream().noneMatch(mount -> mount.target().endsWith("b"))) {
      shop.mount(image, "b", "domain_id=shop,prefetch=0");
    }
    assertThat(Files.readAllBytes(shop.target("b").resolve("noise"))).isEqualTo(noise);
    assertThat(shop.target("b").resolve("text")).hasSameBinaryContentAs(shop.tree.resolve("text"));
    if (isSecond) {
      assertThat(Files.readAllBytes(shop.target("a").resolve("noise"))).isEqualTo(noise);
    }
    assertThat(shop.mounts.umountAll()).isEmpty();
    await("the domain is gone", () -> shop.domains.status().isEmpty());
    Path group = ROOT.directory().resolve("run/group");
    await("the keeper is gone", () -> !Files.exists(group));
    assertThat(shop.saved()).isEmpty();
    assertThat(openDataFiles()).isZero();
  }

  /** Whatever step it is that fails once, of all that a mount and its reads take. */
  @Test
  void theKthStepFails() throws Exception {
    AtomicInteger steps = new AtomicInteger();
    Failpoint.set(place -> steps.incrementAndGet());
    mountReadUnmount(0, false);
    int count = steps.get();
    assertThat(count).isGreaterThan(20);
    for (int k = 1; k <= count; k++) {
      AtomicInteger left = new AtomicInteger(k);
      Failpoint.set(
          place -> {
            boolean canFail = !List.of("answer", "answered", "event-read").contains(place);
            if (left.decrementAndGet() == 0 && canFail) {
              throw new IOException("injected at " + place);
            }
          });
      mountReadUnmount(k, true);
      Failpoint.set(null);
      mountReadUnmount(k, false);
    }
  }

  /** In a domain of its own, so that nothing is there at first. */
  private void mountReadUnmount(int number, boolean mayFail) throws Exception {
    byte[] text = Files.readAllBytes(shop.tree.resolve("text"));
    try {
      MountStatus mount = shop.mount("one", "k", "prefetch=0,domain_id=k" + number);
      assertThat(Files.readAllBytes(mount.target().resolve("text"))).isEqualTo(text);
    } catch (IOException e) {
      assertThat(mayFail).as("%d: %s", number, e).isTrue();
    }
    assertThat(shop.mounts.umountAll()).isEmpty();
    await("the domain is gone", () -> shop.domains.status().isEmpty());
    Path group = ROOT.directory().resolve("run/group");
    await("the keeper is gone", () -> !Files.exists(group));
    assertThat(shop.saved()).isEmpty();
  }

  private void begin(String where, Kind kind, String image) {
    if (!where.equals("index.json") && !where.equals("blobs/")) {
      AtomicInteger left = new AtomicInteger(3);
      Failpoint.set(
          place -> {
            if (place.equals(where) && left.getAndDecrement() > 0) {
              switch (kind) {
                case FAIL -> throw new IOException("injected at " + place);
                case SLOW -> LockSupport.parkNanos(50_000_000);
                default -> {
                  hung.countDown();
                  awaitGo();
                }
              }
            }
          });
      return;
    }
    var asked = FaultyOrigin.path(image + "/" + where);
    switch (kind) {
      case FAIL -> shop.origin.fault(asked, answer -> answer.status = 404);
      case SHORT -> shop.origin.fault(2, asked, answer -> answer.cutAfter = 10);
      case SLOW -> shop.origin.delayMillis(50);
      case WRONG -> shop.origin.fault(asked, answer -> answer.flipAt = answer.bodyOffset);
      case HANG -> shop.origin.fault(asked, answer -> answer.beforeHeaders = this::awaitGo);
    }
  }

  private void awaitGo() {
    try {
      assertThat(go.await(60, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  /** Each ends in an error, or with the right bytes; what hangs goes on when the fault is over. */
  private void mountAndRead(String where, String image, Kind kind) throws Exception {
    Thread worker =
        Thread.ofPlatform()
            .start(
                () -> {
                  try {
                    MountStatus unused = shop.mount(image, "b", "domain_id=shop,prefetch=0");
                  } catch (IOException e) {
                    // Refused.
                  }
                });
    boolean isOrigin = where.equals("index.json") || where.equals("blobs/");
    if (kind == Kind.HANG && isOrigin) {
      // The origin was asked and says nothing: nobody must have got anything by then.
      await("it hangs", () -> shop.origin.requests(image + "/") > 0);
      go.countDown();
    }
    worker.join();
    if (kind == Kind.HANG && !isOrigin) {
      readWhileItHangs();
    }
    for (int at = 0; at < noise.length; at += 300_000) {
      read(at);
    }
  }

  /** In another process, as this one's threads must go on meanwhile. */
  private void readWhileItHangs() throws Exception {
    Path copy = ROOT.directory().resolve("copy");
    Process reader =
        new ProcessBuilder("cp", shop.target("b").resolve("noise").toString(), copy.toString())
            .inheritIO()
            .start();
    assertThat(hung.await(60, TimeUnit.SECONDS)).as("it hangs").isTrue();
    go.countDown();
    assertThat(reader.waitFor(60, TimeUnit.SECONDS)).as("the reader ends").isTrue();
    assertThat(reader.exitValue()).isZero();
    assertThat(Files.readAllBytes(copy)).isEqualTo(noise);
  }

  private void read(int at) throws IOException {
    Path file = shop.target("b").resolve("noise");
    if (!Files.exists(file)) {
      return;
    }
    byte[] piece;
    try (var in = Files.newByteChannel(file)) {
      var buffer = java.nio.ByteBuffer.allocate(4096);
      in.position(at).read(buffer);
      piece = Arrays.copyOf(buffer.array(), buffer.position());
    } catch (IOException e) {
      return;
    }
    assertThat(piece).isEqualTo(Arrays.copyOfRange(noise, at, at + piece.length));
  }

  private static long openDataFiles() throws IOException {
    try (var fds = Files.list(Path.of("/proc/self/fd"))) {
      return fds.filter(FaultMatrixTest::isDataFile).count();
    }
  }

  private static boolean isDataFile(Path fd) {
    try {
      return Files.readSymbolicLink(fd).startsWith(ROOT.directory().resolve("cache/domains"));
    } catch (IOException e) {
      return false;
    }
  }
}
