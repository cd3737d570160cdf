package dev.aquifer.blob;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.aquifer.format.SpanTable;
import dev.aquifer.io.Errno;
import dev.aquifer.io.Failpoint;
import dev.aquifer.io.RefusedException;
import dev.aquifer.io.Sha256;
import dev.aquifer.testing.Requires;
import dev.aquifer.testing.TestImage;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SpanFileTest {
  private static final int SPANS = 70;
  private static final byte[] BYTES = TestImage.noise(1, SPANS * 4096 - 100);
  private static final Sha256 ID = Sha256.hash(new byte[] {1});

  @TempDir Path dir;
  private SpanTable table;

  @BeforeEach
  void cut() throws Exception {
    table = SpanTable.unverified(12, BYTES.length);
  }

  private SpanFile open() throws IOException {
    return SpanFile.open(dir, ID, table);
  }

  private void write(SpanFile file, int... spans) throws IOException {
    SpanFile.Batch batch = file.new Batch();
    write(batch, spans);
    batch.commit();
  }

  private void write(SpanFile.Batch batch, int... spans) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      for (int span : spans) {
        MemorySegment plain = arena.allocate(table.lengthBytes(span));
        plain.copyFrom(MemorySegment.ofArray(truth(span)));
        batch.write(span, plain);
      }
    }
  }

  private byte[] truth(int span) {
    int from = (int) table.startBytes(span);
    return Arrays.copyOfRange(BYTES, from, from + table.lengthBytes(span));
  }

  private static List<Integer> present(SpanFile file) {
    List<Integer> all = new ArrayList<>();
    SpanBits bits = file.present();
    for (int i = bits.nextSet(0); i < bits.count(); i = bits.nextSet(i + 1)) {
      all.add(i);
    }
    return all;
  }

  private void checkData(SpanFile file) throws IOException {
    for (int span : present(file)) {
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment plain = arena.allocate(table.lengthBytes(span));
        file.read(table.startBytes(span), plain);
        assertThat(plain.toArray(ValueLayout.JAVA_BYTE)).isEqualTo(truth(span));
      }
    }
  }

  @Test
  void isSparseAndOfFullSizeFromTheStart() throws Exception {
    SpanTable large = SpanTable.unverified(20, 1L << 40);
    try (SpanFile file = SpanFile.open(dir.resolve("large"), ID, large)) {
      assertThat(Files.size(file.path())).isEqualTo(1L << 40);
      assertThat(file.present().setCount()).isZero();
    }
  }

  @Test
  void keepsWhatWasWrittenOverARestart() throws Exception {
    try (SpanFile file = open()) {
      write(file, 0, 5, SPANS - 1);
      assertThat(file.isDirty()).isTrue();
      checkData(file);
    }
    try (SpanFile file = open()) {
      assertThat(present(file)).containsExactly(0, 5, SPANS - 1);
      assertThat(file.isDirty()).isFalse();
      checkData(file);
      write(file, 6);
    }
    try (SpanFile file = open()) {
      assertThat(present(file)).containsExactly(0, 5, 6, SPANS - 1);
      checkData(file);
    }
  }

  @Test
  void aCrashKeepsWhatWasFlushedAndNothingElse() throws Exception {
    SpanFile file = open();
    write(file, 1, 2);
    file.flush();
    write(file, 3);
    file.abandon();
    file = open();
    assertThat(present(file)).containsExactly(1, 2);
    write(file, 4);
    file.abandon();
    file = open();
    assertThat(present(file)).containsExactly(1, 2);
    file.close();
  }

  @Test
  void aCrashAfterACleanEndKeepsWhatTheCleanEndKept() throws Exception {
    try (SpanFile file = open()) {
      write(file, 1, 2);
    }
    SpanFile file = open();
    write(file, 3);
    file.abandon();
    try (SpanFile again = open()) {
      assertThat(present(again)).containsExactly(1, 2);
      checkData(again);
    }
  }

  @Test
  void isCompleteOnceAllIsDurable() throws Exception {
    SpanFile file = open();
    for (int i = 0; i < SPANS; i++) {
      write(file, i);
    }
    assertThat(file.present().isFull()).isTrue();
    assertThat(file.isDurablyComplete()).isFalse();
    file.flush();
    assertThat(file.isDurablyComplete()).isTrue();
    file.abandon();
    try (SpanFile again = open()) {
      assertThat(again.isDurablyComplete()).isTrue();
    }
  }

  @Test
  void anEmptyBlobIsComplete() throws Exception {
    SpanTable empty = SpanTable.unverified(12, 0);
    try (SpanFile file = SpanFile.open(dir.resolve("empty"), ID, empty)) {
      assertThat(file.isDurablyComplete()).isTrue();
    }
    try (SpanFile file = SpanFile.open(dir.resolve("empty"), ID, empty)) {
      assertThat(file.isDurablyComplete()).isTrue();
    }
  }

  /** Something that happens to the files while nobody has them open. */
  private interface Damage {
    void apply(Path data, Path spans) throws IOException;
  }

  private void isDiscardedAfter(Damage damage) throws IOException {
    try (SpanFile file = open()) {
      write(file, 1, 2, 3);
    }
    damage.apply(dir.resolve("data"), dir.resolve("spans"));
    try (SpanFile file = open()) {
      assertThat(present(file)).isEmpty();
      assertThat(Files.size(file.path())).isEqualTo(BYTES.length);
      // Nothing of the old data is left to be seen.
      byte[] data = Files.readAllBytes(file.path());
      assertThat(data).isEqualTo(new byte[BYTES.length]);
      write(file, 1);
      checkData(file);
    }
  }

  @Test
  void aCopyOfTheDataIsDiscarded() throws Exception {
    isDiscardedAfter(
        (data, spans) -> {
          Path copy = data.resolveSibling("copy");
          Files.copy(data, copy, StandardCopyOption.COPY_ATTRIBUTES);
          Files.move(copy, data, StandardCopyOption.REPLACE_EXISTING);
        });
  }

  @Test
  void aShorterOrLongerDataFileIsDiscarded() throws Exception {
    for (int change : new int[] {-1, 1, -BYTES.length}) {
      isDiscardedAfter(
          (data, spans) -> {
            FileTime time = Files.getLastModifiedTime(data);
            try (RandomAccessFile file = new RandomAccessFile(data.toFile(), "rw")) {
              file.setLength(BYTES.length + change);
            }
            Files.setLastModifiedTime(data, time);
          });
    }
  }

  @Test
  void dataThatWasEmptiedAndGrownAgainIsDiscarded() throws Exception {
    isDiscardedAfter(
        (data, spans) -> {
          try (RandomAccessFile file = new RandomAccessFile(data.toFile(), "rw")) {
            file.setLength(0);
            file.setLength(BYTES.length);
          }
        });
  }

  @Test
  void dataThatSomebodyWroteIsDiscarded() throws Exception {
    isDiscardedAfter(
        (data, spans) -> {
          try (RandomAccessFile file = new RandomAccessFile(data.toFile(), "rw")) {
            file.seek(4096);
            file.write(1);
          }
        });
  }

  @Test
  void missingFilesAreDiscarded() throws Exception {
    isDiscardedAfter((data, spans) -> Files.delete(spans));
    isDiscardedAfter((data, spans) -> Files.delete(data));
  }

  @Test
  void theMapOfAnotherBlobIsDiscarded() throws Exception {
    isDiscardedAfter(
        (data, spans) -> {
          Path other = dir.resolve("other");
          try (SpanFile file = SpanFile.open(other, Sha256.hash(new byte[] {2}), table)) {
            write(file, 7);
          }
          Files.move(other.resolve("spans"), spans, StandardCopyOption.REPLACE_EXISTING);
        });
  }

  @Test
  void bothFilesOfAnotherBlobAreDiscarded() throws Exception {
    isDiscardedAfter(
        (data, spans) -> {
          Path other = dir.resolve("other");
          try (SpanFile file = SpanFile.open(other, Sha256.hash(new byte[] {2}), table)) {
            write(file, 7);
          }
          Files.move(other.resolve("spans"), spans, StandardCopyOption.REPLACE_EXISTING);
          Files.move(other.resolve("data"), data, StandardCopyOption.REPLACE_EXISTING);
        });
  }

  @Test
  void anotherCutIsDiscarded() throws Exception {
    try (SpanFile file = open()) {
      write(file, 1);
    }
    SpanTable coarser = SpanTable.unverified(13, BYTES.length);
    try (SpanFile file = SpanFile.open(dir, ID, coarser)) {
      assertThat(present(file)).isEmpty();
    }
  }

  /** Every state of the map that a crash or a bad disk may leave, read for the same data file. */
  @Test
  void aDamagedMapIsNeverBelievedWrongly() throws Exception {
    SpanFile file = open();
    write(file, 1, 2);
    file.flush();
    byte[] before = Files.readAllBytes(dir.resolve("spans"));
    write(file, 3, 69);
    file.flush();
    file.abandon();
    List<Integer> older = List.of(1, 2);
    List<Integer> newer = List.of(1, 2, 3, 69);
    // In place: replacing a file thousands of times waits for the disk each time.
    try (FileChannel map =
        FileChannel.open(dir.resolve("spans"), StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      byte[] whole = Files.readAllBytes(dir.resolve("spans"));
      assertThat(readMap(map)).isEqualTo(newer);
      for (int at = 0; at < whole.length; at++) {
        byte flipped = (byte) (whole[at] ^ 1 << at % 8);
        map.write(ByteBuffer.wrap(new byte[] {flipped}), at);
        assertThat(readMap(map)).isIn(older, newer, null);
        map.write(ByteBuffer.wrap(whole, at, 1), at);
      }
      // A write that was cut: the new slot up to some byte, behind it the old one.
      for (int cut = 0; cut < whole.length; cut += 3) {
        map.write(ByteBuffer.wrap(before), 0);
        map.write(ByteBuffer.wrap(whole, 0, cut), 0);
        assertThat(readMap(map)).isIn(older, newer);
      }
      map.write(ByteBuffer.wrap(whole), 0);
      assertThat(readMap(map)).isEqualTo(newer);
      for (int length = whole.length - 1; length >= 0; length -= length < 400 ? 1 : 97) {
        map.truncate(length);
        assertThat(readMap(map)).isNull();
      }
      map.write(ByteBuffer.wrap(new byte[whole.length]), 0);
      assertThat(readMap(map)).isNull();
    }
  }

  private List<Integer> readMap(FileChannel channel) throws IOException {
    long[] words = new SpanMap(channel, ID, table).read(FileIdentity.of(dir.resolve("data")));
    if (words == null) {
      return null;
    }
    List<Integer> all = new ArrayList<>();
    for (int i = 0; i < SPANS; i++) {
      if ((words[i / 64] & 1L << i) != 0) {
        all.add(i);
      }
    }
    return all;
  }

  @Test
  void anotherVersionIsDiscarded() throws Exception {
    isDiscardedAfter(
        (data, spans) -> {
          byte[] bytes = Files.readAllBytes(spans);
          for (int slot = 0; slot < bytes.length; slot += bytes.length / 2) {
            bytes[slot + 8] = 2;
            int end = slot + 128 + 16;
            byte[] checksum = Sha256.hash(Arrays.copyOfRange(bytes, slot, end)).bytes();
            System.arraycopy(checksum, 0, bytes, end, 32);
          }
          Files.write(spans, bytes);
        });
  }

  @Test
  void writersAndFlushesDoNotDisturbEachOther() throws Exception {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    for (int round = 0; round < 5; round++) {
      Path place = dir.resolve("round" + round);
      SpanFile file = SpanFile.open(place, ID, table);
      List<Integer> flushed;
      try (ExecutorService executor = Executors.newFixedThreadPool(4)) {
        List<Future<?>> writers = new ArrayList<>();
        for (int w = 0; w < 3; w++) {
          int first = w;
          writers.add(
              executor.submit(
                  () -> {
                    for (int i = first; i < SPANS; i += 3) {
                      write(file, i);
                    }
                    return null;
                  }));
        }
        for (int i = random.nextInt(4); i > 0; i--) {
          file.flush();
        }
        flushed = present(file);
        file.flush();
        for (Future<?> writer : writers) {
          writer.get();
        }
      }
      file.abandon();
      try (SpanFile again = SpanFile.open(place, ID, table)) {
        assertThat(present(again)).as("seed %d", seed).containsAll(flushed);
        checkData(again);
      }
    }
  }

  @Test
  void aSpanIsPresentOnlyOnceItIsDurable() throws Exception {
    try (SpanFile file = open()) {
      write(file, 1);
      SpanFile.Batch batch = file.new Batch();
      write(batch, 2, 3);
      assertThat(present(file)).containsExactly(1);
      Failpoint.set(
          place -> {
            if (place.equals("durable")) {
              assertThat(present(file)).containsExactly(1);
              throw new IOException("of the test");
            }
          });
      assertThatThrownBy(batch::commit).hasMessage("of the test");
      assertThat(present(file)).containsExactly(1);
      Failpoint.set(null);
      batch.commit();
      assertThat(present(file)).containsExactly(1, 2, 3);
    } finally {
      Failpoint.set(null);
    }
  }

  @Test
  void spansThatDoNotGetToTheDiskStayAbsent() throws Exception {
    SpanFile file = open();
    write(file, 1);
    SpanFile.Batch batch = file.new Batch();
    write(batch, 2);
    // Interrupting it is the one way to make this fail without a broken disk.
    Thread.currentThread().interrupt();
    assertThatThrownBy(batch::commit).isInstanceOf(IOException.class);
    assertThat(Thread.interrupted()).isTrue();
    assertThat(present(file)).containsExactly(1);
    file.abandon();
  }

  /** A disk that turns out to be full only when data is brought to it, as a thin pool is. */
  @Test
  void aDiskThatLosesWhatWasWrittenShowsNobodyZeros() throws Exception {
    Requires.root();
    Path pool = Files.createDirectory(dir.resolve("pool"));
    Path disk = Files.createDirectory(dir.resolve("disk"));
    Path image = pool.resolve("image");
    run("mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", pool.toString());
    try {
      run("truncate", "-s", "64m", image.toString());
      run("mkfs.ext4", "-q", "-b", "4096", "-O", "^has_journal", image.toString());
      Path device = Path.of(run("losetup", "-f", "--show", image.toString()).strip());
      try {
        // A loop device hides that the end of a request was lost: so one page each.
        Path queue = Path.of("/sys/block").resolve(device.getFileName()).resolve("queue");
        Files.writeString(queue.resolve("max_sectors_kb"), "4");
        run("mount", device.toString(), disk.toString());
        fillPool(disk.resolve("blob"));
      } finally {
        run("umount", disk.toString());
        run("losetup", "-d", device.toString());
      }
    } finally {
      run("umount", pool.toString());
    }
  }

  private void fillPool(Path place) throws Exception {
    byte[] truth = TestImage.noise(4, 12 << 20);
    SpanTable wide = SpanTable.unverified(18, truth.length);
    try (SpanFile file = SpanFile.open(place, ID, wide);
        Arena arena = Arena.ofConfined()) {
      MemorySegment bytes = arena.allocate(truth.length).copyFrom(MemorySegment.ofArray(truth));
      int span = 0;
      IOException lost = null;
      while (lost == null) {
        SpanFile.Batch early = file.new Batch();
        SpanFile.Batch late = file.new Batch();
        early.write(span, bytes.asSlice(wide.startBytes(span), 1 << 18));
        late.write(span + 1, bytes.asSlice(wide.startBytes(span + 1), 1 << 18));
        lost = catchThrowableOfType(IOException.class, late::commit);
        if (lost != null) {
          // The system told of the loss once, and these bytes may be among the lost.
          assertThatThrownBy(early::commit)
              .hasMessage(file.path() + ": could not be written to disk");
        } else {
          early.commit();
          span += 2;
        }
        // What is not on the disk now is nowhere.
        run("dd", "of=" + file.path(), "oflag=nocache", "conv=notrunc,fdatasync", "count=0");
        for (int i : present(file)) {
          MemorySegment read = arena.allocate(1 << 18);
          file.read(wide.startBytes(i), read);
          assertThat(read.mismatch(bytes.asSlice(wide.startBytes(i), 1 << 18)))
              .as("span %d", i)
              .isEqualTo(-1);
        }
      }
      assertThat(lost).hasMessageStartingWith(file.path().toString());
      assertThat(file.present().setCount()).isEqualTo(span).isPositive();
    }
  }

  @Test
  void anInterruptedReaderDoesNotDisturbOthers() throws Exception {
    try (SpanFile file = open();
        Arena arena = Arena.ofConfined()) {
      write(file, 1);
      MemorySegment dst = arena.allocate(10);
      Thread.currentThread().interrupt();
      assertThatThrownBy(() -> file.read(4096, dst)).isInstanceOf(ClosedByInterruptException.class);
      assertThat(Thread.interrupted()).isTrue();
      checkData(file);
      write(file, 2);
      checkData(file);
    }
  }

  @Test
  void closesOnceAndReadsNothingAfterwards() throws Exception {
    SpanFile file = open();
    write(file, 1);
    file.close();
    file.close();
    file.flush();
    assertThatThrownBy(() -> checkData(file)).isInstanceOf(IOException.class);
    assertThatThrownBy(() -> write(file, 2)).isInstanceOf(IOException.class);
  }

  @Test
  void aFullDiskIsSaidAndHarmsNothing() throws Exception {
    Requires.root();
    Path small = Files.createDirectory(dir.resolve("small"));
    run("mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", small.toString());
    try {
      SpanTable wide = SpanTable.unverified(16, 8 << 16);
      SpanFile file = SpanFile.open(small.resolve("blob"), ID, wide);
      Path filler = Files.write(small.resolve("filler"), new byte[64 << 10]);
      byte[] truth = TestImage.noise(4, 8 << 16);
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment bytes = arena.allocate(truth.length).copyFrom(MemorySegment.ofArray(truth));
        int written = 0;
        RefusedException full = null;
        while (full == null) {
          int span = written;
          full =
              catchThrowableOfType(
                  RefusedException.class,
                  () -> {
                    SpanFile.Batch batch = file.new Batch();
                    batch.write(span, bytes.asSlice(wide.startBytes(span), 1 << 16));
                    batch.commit();
                  });
          written += full == null ? 1 : 0;
        }
        assertThat(full.errno()).isEqualTo(Errno.ENOSPC);
        assertThat(full)
            .hasMessage(
                small.resolve("blob/data")
                    + ": no space left for the cache: free some, then what failed works again");
        assertThat(written).isBetween(1, 3);
        assertThat(file.present().setCount()).isEqualTo(written);
        // The record of what is there needs no room.
        file.flush();
        Files.delete(filler);
        SpanFile.Batch batch = file.new Batch();
        batch.write(written, bytes.asSlice(wide.startBytes(written), 1 << 16));
        batch.commit();
        file.close();
        try (SpanFile again = SpanFile.open(small.resolve("blob"), ID, wide)) {
          assertThat(again.present().setCount()).isEqualTo(written + 1);
          MemorySegment read = arena.allocate((long) (written + 1) << 16);
          again.read(0, read);
          assertThat(read.mismatch(bytes.asSlice(0, read.byteSize()))).isEqualTo(-1);
        }
      }
    } finally {
      run("umount", small.toString());
    }
  }

  private static String run(String... command) throws Exception {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(output).isZero();
    return output;
  }
}
