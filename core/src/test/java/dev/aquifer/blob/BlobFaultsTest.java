package dev.aquifer.blob;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.aquifer.io.Errno;
import dev.aquifer.io.RefusedException;
import dev.aquifer.testing.FaultyOrigin;
import dev.aquifer.testing.FaultyOrigin.Answer;
import dev.aquifer.testing.Requires;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Whatever the origin does while an image is opened and read: one clear line, nothing left behind,
 * no wrong byte to be seen, and a clean round afterwards.
 */
class BlobFaultsTest {
  @TempDir Path dir;

  record Fault(String name, String message, Consumer<Answer> change) {
    @Override
    public String toString() {
      return name;
    }
  }

  private static Fault status(int status, String message) {
    return new Fault(
        Integer.toString(status),
        "the origin answered " + status + ": " + message,
        answer -> {
          answer.status = status;
          answer.body = "error".getBytes(StandardCharsets.UTF_8);
        });
  }

  static Stream<Fault> faults() {
    return Stream.of(
        status(404, "no such object: check the URL"),
        status(403, "access denied: check the origin's permissions"),
        status(500, "expected 200 or 206 (tried 3 times in"),
        status(503, "expected 200 or 206 (tried 3 times in"),
        new Fault("hangs up", "the connection broke: ", answer -> answer.status = 0),
        new Fault("too short", "the connection broke: ", answer -> answer.cutAfter = 50),
        new Fault(
            "too late", "nothing came for 300 ms after byte ", answer -> answer.stallAfter = 50),
        new Fault(
            "compressed",
            "is sent in encoding 'br': expected none",
            answer -> answer.headers.put("content-encoding", "br")));
  }

  private void round(Rig rig, String fsid) throws IOException {
    try (Lease lease = rig.domains.join("shop", fsid, "test")) {
      RemoteImage image = rig.remote();
      assertThat(lease.bootstrap(image).path()).hasBinaryContent(rig.image.bootstrap());
      List<CachedBlob> blobs = lease.openBlobs(image);
      for (int device = 0; device < 2; device++) {
        byte[] truth = rig.blob(device).plain();
        assertThat(blobs.get(device).readBytes(0, truth.length)).isEqualTo(truth);
      }
    }
  }

  /** Every byte of a data file is a right one or a hole's. */
  private static void checkDataFile(Path path, byte[] truth) throws IOException {
    byte[] found = Files.readAllBytes(path);
    assertThat(found).hasSameSizeAs(truth);
    for (int span = 0; span < truth.length; span += 4096) {
      int end = Math.min(truth.length, span + 4096);
      if (!Arrays.equals(found, span, end, truth, span, end)) {
        assertThat(Arrays.copyOfRange(found, span, end)).containsOnly(0);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("faults")
  void atEveryStep(Fault fault) throws Exception {
    try (Rig rig = Rig.small(dir, Rig.EXACT)) {
      String manifest =
          "image/"
              + Files.readString(dir.resolve("image/index.json"))
                  .replaceAll(".*\"sha256:([0-9a-f]+)\".*", "blobs/sha256/$1");
      List<String> steps =
          List.of(
              "image/index.json",
              manifest,
              "image/" + rig.remote().manifest().bootstrap().path(),
              "image/" + rig.blob(0).path(),
              "image/" + rig.blob(1).path());
      for (String step : steps) {
        rig.origin.fault(FaultyOrigin.path(step), fault.change());
        Throwable e = catchThrowable(() -> round(rig, "a"));
        assertThat(e).as(step).isInstanceOf(IOException.class);
        assertThat(e.getMessage())
            .startsWith(rig.origin.url() + "/" + step + ": ")
            .contains(fault.message())
            .doesNotContain("\n");
        assertThat(rig.domains.status()).isEmpty();
        assertThat(DomainsTest.filesOpenBelow(rig.cache)).isEmpty();
        assertThat(Files.list(rig.cache.resolve("tmp"))).isEmpty();
        rig.origin.heal();
      }
      round(rig, "a");
    }
  }

  @ParameterizedTest
  @MethodSource("faults")
  void whileReading(Fault fault) throws Exception {
    try (Rig rig = Rig.small(dir, Rig.EXACT)) {
      try (Lease lease = rig.domains.join("shop", "a", "test")) {
        List<CachedBlob> blobs = lease.openBlobs(rig.remote());
        for (int device = 0; device < 2; device++) {
          CachedBlob blob = blobs.get(device);
          blob.ensure(4096, 4096);
          rig.origin.fault(rig.data(device), fault.change());
          Throwable e = catchThrowable(() -> blob.ensure(0, blob.sizeBytes()));
          assertThat(e).isInstanceOf(IOException.class).hasMessageContaining(fault.message());
          checkDataFile(blob.path(), rig.blob(device).plain());
          byte[] there = Arrays.copyOfRange(rig.blob(device).plain(), 4096, 8192);
          assertThat(blob.readBytes(4096, 4096)).isEqualTo(there);
          rig.origin.heal();
        }
      }
      round(rig, "a");
      assertThat(rig.dataBytes(0)).isLessThan(2L * rig.blob(0).plain().length);
    }
  }

  @Test
  void everyFlippedByteOfAnObjectIsFound() throws Exception {
    try (Rig rig = Rig.small(dir, Rig.EXACT)) {
      RemoteImage image = rig.remote();
      long size = rig.blob(1).object().sizeBytes();
      int flips = 0;
      int refused = 0;
      for (long at = 0; at < size; at += at > size - 600 ? 17 : 2003) {
        flips++;
        long flipAt = at;
        rig.origin.fault(
            FaultyOrigin.path("image/" + rig.blob(1).path()), answer -> answer.flipAt = flipAt);
        try (Lease lease = rig.domains.join(null, "f" + at, "test")) {
          CachedBlob blob = lease.openBlobs(image).get(1);
          byte[] truth = rig.blob(1).plain();
          // A flip in a frame that decodes to the same bytes all the same would be no fault.
          assertThat(blob.readBytes(0, truth.length)).isEqualTo(truth);
        } catch (IOException e) {
          refused++;
          assertThat(e.getMessage()).doesNotContain("\n");
        }
        rig.origin.heal();
      }
      assertThat(refused).isBetween(flips - 2, flips);
      assertThat(rig.domains.status()).isEmpty();
    }
  }

  @Test
  void aFullDiskIsSaidAndHarmsNothing() throws Exception {
    Requires.root();
    Path cache = Files.createDirectory(dir.resolve("cache"));
    run("mount", "-t", "tmpfs", "-o", "size=300k,mode=700", "tmpfs", cache.toString());
    try (Rig rig = Rig.small(dir, Rig.EXACT)) {
      Path filler = cache.resolve("domains/filler");
      Files.createDirectories(filler.getParent());
      Files.write(filler, new byte[180 << 10]);
      try (Lease lease = rig.domains.join("shop", "a", "test")) {
        List<CachedBlob> blobs = lease.openBlobs(rig.remote());
        CachedBlob blob = blobs.get(0);
        RefusedException e =
            catchThrowableOfType(RefusedException.class, () -> blob.ensure(0, blob.sizeBytes()));
        assertThat(e.errno()).isEqualTo(Errno.ENOSPC);
        assertThat(e)
            .hasMessage(
                blob.path()
                    + ": no space left for the cache: free some, then what failed works again");
        checkDataFile(blob.path(), rig.blob(0).plain());
        assertThat(blob.status().spansPresent()).isLessThan(40);
        Files.delete(filler);
        byte[] truth = rig.blob(0).plain();
        assertThat(blob.readBytes(0, truth.length)).isEqualTo(truth);
      }
      // What does not fit at all fails as clearly, and leaves nothing in use.
      Files.write(filler, new byte[80 << 10]);
      try (Lease lease = rig.domains.join("lab", "a", "test")) {
        Throwable e =
            catchThrowable(
                () -> {
                  lease.bootstrap(rig.remote());
                  lease.openBlobs(rig.remote()).get(0).ensure(0, 40 * 4096);
                });
        assertThat(e).isInstanceOf(RefusedException.class).hasMessageContaining("no space left");
      }
      assertThat(rig.domains.status()).isEmpty();
      Files.delete(filler);
    } finally {
      run("umount", cache.toString());
    }
  }

  private static void run(String... command) throws Exception {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(output).isZero();
  }
}
