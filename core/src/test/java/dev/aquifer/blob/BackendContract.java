package dev.aquifer.blob;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.aquifer.io.BackendException;
import dev.aquifer.io.Errno;
import dev.aquifer.io.RefusedException;
import dev.aquifer.testing.TestImage;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What every origin has to do. A new one's test says how to open it, and inherits this. */
abstract class BackendContract {
  private static final byte[] BYTES = TestImage.noise(7, 3_000_001);

  /** What the backend serves: the tests put files here. */
  @TempDir Path root;

  private Backend backend;

  /** Opens the backend of the files below {@code directory}. */
  abstract Backend open(Path directory) throws IOException;

  @BeforeEach
  void fill() throws IOException {
    put("dir/object", BYTES);
    backend = open(root);
  }

  @AfterEach
  void end() throws IOException {
    backend.close();
  }

  private void put(String key, byte[] bytes) throws IOException {
    Path path = root.resolve(key);
    Files.createDirectories(path.getParent());
    Path temp = Files.write(root.resolve("temp"), bytes);
    // Old enough to be told from a file that is written in the same instant.
    Files.setLastModifiedTime(temp, FileTime.from(Instant.now().minusSeconds(bytes.length % 999)));
    Files.move(temp, path, java.nio.file.StandardCopyOption.REPLACE_EXISTING);
  }

  private byte[] read(String key, ObjectInfo expected, long offset, int length) throws IOException {
    return read(key, expected, offset, length, count -> {});
  }

  private byte[] read(String key, ObjectInfo expected, long offset, int length, ReadListener told)
      throws IOException {
    try (Arena arena = Arena.ofShared()) {
      MemorySegment dst = arena.allocate(length);
      backend.read(key, expected, offset, dst, told);
      return dst.toArray(ValueLayout.JAVA_BYTE);
    }
  }

  private static byte[] part(long offset, int length) {
    return Arrays.copyOfRange(BYTES, (int) offset, (int) offset + length);
  }

  private static ObjectInfo unversioned(long size) {
    return new ObjectInfo(size, null);
  }

  @Test
  void statGivesSizeAndAVersionThatStays() throws Exception {
    ObjectInfo info = backend.stat("dir/object");
    assertThat(info.sizeBytes()).isEqualTo(BYTES.length);
    assertThat(info.version()).isNotNull();
    assertThat(backend.stat("dir/object")).isEqualTo(info);
  }

  @Test
  void statOfAnEmptyObject() throws Exception {
    put("empty", new byte[0]);
    assertThat(backend.stat("empty").sizeBytes()).isZero();
    assertThat(backend.readAll("empty", 0)).isEmpty();
  }

  @Test
  void readsWholeObjects() throws Exception {
    assertThat(backend.readAll("dir/object", BYTES.length)).isEqualTo(BYTES);
  }

  @Test
  void refusesToReadMoreThanAllowed() {
    assertThatThrownBy(() -> backend.readAll("dir/object", BYTES.length - 1))
        .isInstanceOf(BackendException.class)
        .hasMessageContainingAll("dir/object", "has 3000001 bytes", "expected at most 3000000");
  }

  @Test
  void readsAnyRange() throws Exception {
    ObjectInfo info = backend.stat("dir/object");
    Random random = new Random(3);
    for (int i = 0; i < 30; i++) {
      int length = 1 + random.nextInt(i % 3 == 0 ? 10 : 500_000);
      long offset = random.nextInt(BYTES.length - length + 1);
      assertThat(read("dir/object", info, offset, length)).isEqualTo(part(offset, length));
    }
    assertThat(read("dir/object", info, 0, BYTES.length)).isEqualTo(BYTES);
    assertThat(read("dir/object", info, BYTES.length - 1, 1)).isEqualTo(part(BYTES.length - 1, 1));
    assertThat(read("dir/object", unversioned(BYTES.length), 5, 7)).isEqualTo(part(5, 7));
    assertThat(read("dir/object", info, 17, 0)).isEmpty();
  }

  @Test
  void tellsWhatIsThereInOrder() throws Exception {
    ObjectInfo info = backend.stat("dir/object");
    List<Long> told = new ArrayList<>();
    int[] requests = {0};
    try (Arena arena = Arena.ofShared()) {
      MemorySegment dst = arena.allocate(2_500_000);
      ReadListener listener =
          new ReadListener() {
            @Override
            public void onRequest() {
              requests[0]++;
            }

            @Override
            public void onReceived(long count) {
              long before = told.isEmpty() ? 0 : told.getLast();
              told.add(count);
              MemorySegment truth =
                  MemorySegment.ofArray(part(100 + before, (int) (count - before)));
              assertThat(dst.asSlice(before, count - before).mismatch(truth)).isEqualTo(-1);
            }
          };
      backend.read("dir/object", info, 100, dst, listener);
    }
    assertThat(told).isSorted().doesNotHaveDuplicates();
    assertThat(told.getLast()).isEqualTo(2_500_000L);
    assertThat(requests[0]).isEqualTo(1);
  }

  @Test
  void aMissingObjectIsNamedAndNotTriedAgain() {
    for (Call call : calls("dir/nothing")) {
      BackendException e = catchThrowableOfType(BackendException.class, call::run);
      assertThat(e)
          .hasMessageContaining(backend.name() + "/dir/nothing: ")
          .hasMessageContaining("no such");
      assertThat(e.isTransient()).isFalse();
      assertThat(e.getMessage()).doesNotContain("\n");
    }
  }

  private interface Call {
    void run() throws IOException;
  }

  private List<Call> calls(String key) {
    return List.of(
        () -> backend.stat(key),
        () -> backend.readAll(key, 10),
        () -> read(key, unversioned(10), 0, 10));
  }

  @Test
  void anotherSizeIsAChange() {
    for (int size : new int[] {BYTES.length - 1, BYTES.length + 1, 5}) {
      BackendException e =
          catchThrowableOfType(
              BackendException.class, () -> read("dir/object", unversioned(size), 0, 5));
      assertThat(e).hasMessageContainingAll("has 3000001 bytes", Integer.toString(size), "changed");
      assertThat(e.isTransient()).isFalse();
    }
  }

  @Test
  void aTruncatedObjectIsAChange() throws Exception {
    ObjectInfo info = backend.stat("dir/object");
    put("dir/object", Arrays.copyOf(BYTES, 1000));
    BackendException e =
        catchThrowableOfType(
            BackendException.class, () -> read("dir/object", info, 2_000_000, 1000));
    assertThat(e).hasMessageContainingAll("has 1000 bytes", "3000001", "changed");
    assertThat(e.isTransient()).isFalse();
  }

  @Test
  void anotherContentOfTheSameSizeIsAChange() throws Exception {
    ObjectInfo info = backend.stat("dir/object");
    Files.setLastModifiedTime(
        root.resolve("dir/object"), FileTime.from(Instant.now().minusSeconds(10)));
    BackendException e =
        catchThrowableOfType(BackendException.class, () -> read("dir/object", info, 0, 1000));
    assertThat(e).hasMessageContaining("changed");
    assertThat(e.isTransient()).isFalse();
    assertThat(backend.stat("dir/object")).isNotEqualTo(info);
    // Who proves the bytes does not mind.
    assertThat(read("dir/object", unversioned(BYTES.length), 0, 9)).isEqualTo(part(0, 9));
  }

  @Test
  void keysThatLeaveTheOriginAreRefused() {
    for (String key :
        new String[] {"", "/etc/passwd", "../x", "a/../b", "a//b", "a/", ".", "a/./b"}) {
      for (Call call : calls(key)) {
        RefusedException e = catchThrowableOfType(RefusedException.class, call::run);
        assertThat(e.errno()).isEqualTo(Errno.EINVAL);
        assertThat(e).hasMessageStartingWith("object key '" + key + "': expected a relative path");
      }
    }
  }

  @Test
  void keysMayHaveOddCharacters() throws Exception {
    for (String key :
        new String[] {"a b", "50%25", "what?", "c#", "x+y=z&", "é☃", "q'[1]{2}|^`\""}) {
      put(key, key.getBytes(java.nio.charset.StandardCharsets.UTF_8));
      assertThat(new String(backend.readAll(key, 100), java.nio.charset.StandardCharsets.UTF_8))
          .isEqualTo(key);
    }
  }

  @Test
  void theListenersFailureEndsTheRead() throws Exception {
    ObjectInfo info = backend.stat("dir/object");
    IOException full = new IOException("no room");
    assertThatThrownBy(
            () ->
                read(
                    "dir/object",
                    info,
                    0,
                    1_500_000,
                    count -> {
                      throw full;
                    }))
        .isSameAs(full);
    assertThat(read("dir/object", info, 0, 10)).isEqualTo(part(0, 10));
  }

  @Test
  void aCancelledReadEnds() throws Exception {
    ObjectInfo info = backend.stat("dir/object");
    ReadListener cancelled =
        new ReadListener() {
          @Override
          public void onReceived(long count) {}

          @Override
          public boolean isCancelled() {
            return true;
          }
        };
    assertThatThrownBy(() -> read("dir/object", info, 0, BYTES.length, cancelled))
        .isInstanceOf(BackendException.class)
        .hasMessageContainingAll("dir/object", "cancelled");
  }

  @Test
  void servesManyThreads() throws Exception {
    ObjectInfo info = backend.stat("dir/object");
    try (ExecutorService executor = Executors.newFixedThreadPool(8)) {
      List<Future<?>> all = new ArrayList<>();
      for (int t = 0; t < 8; t++) {
        Random random = new Random(t);
        all.add(
            executor.submit(
                () -> {
                  for (int i = 0; i < 10; i++) {
                    int length = 1 + random.nextInt(100_000);
                    long offset = random.nextInt(BYTES.length - length);
                    assertThat(read("dir/object", info, offset, length))
                        .isEqualTo(part(offset, length));
                  }
                  return null;
                }));
      }
      for (Future<?> one : all) {
        one.get();
      }
    }
  }
}
