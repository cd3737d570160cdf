package dev.aquifer.build;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.aquifer.build.SharingReport.Bytes;
import dev.aquifer.build.SharingReport.Cut;
import dev.aquifer.testing.Requires;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SharingReportTest {
  private static final int KIB = 1 << 10;
  private static final int MIB = 1 << 20;

  @TempDir Path temp;

  /** Blocks of 4 KiB, one for each letter; {@code .} is one of zeros. */
  private static byte[] blocks(String letters) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    for (char letter : letters.toCharArray()) {
      bytes.writeBytes(letter == '.' ? new byte[4 * KIB] : TestTrees.noise(letter, 4 * KIB));
    }
    return bytes.toByteArray();
  }

  @Test
  void countsEqualChunksOfTheSameLengthOnce() throws IOException {
    MemoryTree tree = new MemoryTree();
    tree.file("a", blocks("xyx"));
    tree.file("b", blocks("y"));
    tree.file("start", Arrays.copyOf(blocks("x"), 100));
    tree.file("start again", Arrays.copyOf(blocks("x"), 100));
    tree.file("empty", new byte[0]);
    tree.directory("below");
    tree.file("below/a again", blocks("xyx"));
    tree.hardLink("below/name", "a");
    tree.link("link", "a");
    SharingReport report = SharingReport.of(List.of(tree), 2);

    assertThat(report.inputs())
        .containsExactly(new SharingReport.Input(tree.name(), 6, 7 * 4096 + 200));
    assertThat(report.cuts()).extracting(Cut::chunkBytes).containsExactly(4096, 65536, MIB, 0);
    // x, y and the start of x
    Bytes small = new Bytes(28_872, 0, 8292, 20_580, 8292);
    // xyx, y and the start of x
    Bytes large = new Bytes(28_872, 0, 16_484, 12_388, 16_484);
    assertThat(report.cuts()).extracting(Cut::all).containsExactly(small, large, large, large);
    assertThat(report.cuts())
        .allSatisfy(
            cut -> {
              assertThat(cut.inputs()).containsExactly(cut.all());
              assertThat(cut.common()).isEmpty();
            });
  }

  @Test
  void countsZerosApart() throws IOException {
    MemoryTree tree = new MemoryTree();
    tree.file("zeros", new byte[5000]);
    tree.file("mixed", blocks("x..y"));
    tree.sparse("hole", 1L << 40);
    // Data at the end of the second MiB and at the beginning of the third.
    tree.sparse("sparse", (1L << 30) + 5).data(2L * MIB - 4096, blocks("xx"));
    SharingReport report = SharingReport.of(List.of(tree), 2);

    long total = 5000 + 16_384 + (1L << 40) + (1L << 30) + 5;
    long wide = 16_384 + 2L * MIB;
    List<Bytes> found = report.cuts().stream().map(Cut::all).toList();
    assertThat(found.get(0)).isEqualTo(new Bytes(total, total - 16_384, 8192, 8192, 8192));
    // x..y, x at the end of 64 KiB, x at their beginning
    long middle = 16_384 + 2 * 65_536;
    assertThat(found.get(1)).isEqualTo(new Bytes(total, total - middle, middle, 0, middle));
    assertThat(found.get(2)).isEqualTo(new Bytes(total, total - wide, wide, 0, wide));
    assertThat(found.get(3)).isEqualTo(new Bytes(total, total - wide, wide, 0, wide));
  }

  @Test
  void tellsFilesApartThatDifferInTheirHolesOnly() throws IOException {
    MemoryTree tree = new MemoryTree();
    tree.sparse("a", 8L * MIB).data(MIB, blocks("x"));
    tree.sparse("b", 8L * MIB).data(2 * MIB, blocks("x"));
    tree.sparse("c", 9L * MIB).data(MIB, blocks("x"));
    tree.file("a again", Arrays.copyOf(concat(new byte[MIB], blocks("x")), 8 * MIB));
    SharingReport report = SharingReport.of(List.of(tree), 2);

    assertThat(report.cuts().getLast().all().unique()).isEqualTo(3 * MIB);
    assertThat(report.cuts().getLast().all().saved()).isEqualTo(MIB);
    assertThat(report.cuts().get(2).all().unique()).isEqualTo(MIB);
  }

  private static byte[] concat(byte[] a, byte[] b) {
    byte[] both = Arrays.copyOf(a, a.length + b.length);
    System.arraycopy(b, 0, both, a.length, b.length);
    return both;
  }

  @Test
  void comparesInputs() throws IOException {
    SharingReport report = SharingReport.of(List.of(one("wxx"), one("xyyz"), one("")), 1);

    Cut small = report.cuts().getFirst();
    assertThat(small.inputs())
        .containsExactly(
            new Bytes(12_288, 0, 8192, 4096, 8192),
            new Bytes(16_384, 0, 12_288, 4096, 8192),
            new Bytes(0, 0, 0, 0, 0));
    assertThat(small.all()).isEqualTo(new Bytes(28_672, 0, 16_384, 12_288, 16_384));
    assertThat(small.common())
        .containsExactly(
            List.of(8192L, 4096L, 0L), List.of(4096L, 12_288L, 0L), List.of(0L, 0L, 0L));
    assertThat(report.cuts().getLast().common().getFirst()).containsExactly(12_288L, 0L, 0L);
  }

  @Test
  void comparesNoMoreThanEightInputsByPairs() throws IOException {
    List<SourceTree> trees = new ArrayList<>();
    for (int i = 0; i < 9; i++) {
      trees.add(one("x" + (char) ('a' + i)));
    }
    assertThat(SharingReport.of(trees.subList(0, 8), 1).cuts().getFirst().common()).hasSize(8);
    Cut nine = SharingReport.of(trees, 1).cuts().getFirst();
    assertThat(nine.common()).isEmpty();
    assertThat(nine.all()).isEqualTo(new Bytes(18 * 4096, 0, 10 * 4096, 8 * 4096, 10 * 4096));
    assertThat(nine.inputs().getLast()).isEqualTo(new Bytes(8192, 0, 8192, 0, 4096));
  }

  private static MemoryTree one(String letters) {
    MemoryTree tree = new MemoryTree();
    tree.file("file", blocks(letters));
    return tree;
  }

  @Test
  void doesNotDependOnThreads() throws IOException {
    List<SourceTree> trees = List.of(TestTrees.odd(), SingleImageTest.files(4), TestTrees.odd());
    SharingReport report = SharingReport.of(trees, 1);
    assertThat(SharingReport.of(trees, 5)).isEqualTo(report);
    // Each larger cut finds less.
    for (int i = 1; i < report.cuts().size(); i++) {
      assertThat(report.cuts().get(i).all().unique())
          .isGreaterThanOrEqualTo(report.cuts().get(i - 1).all().unique());
    }
  }

  @Test
  void passesOnWhatCanNotBeRead() {
    MemoryTree tree = one("x");
    tree.at("file").failure = new IOException("broken: /file: at byte 0");
    assertThatThrownBy(() -> SharingReport.of(List.of(tree), 2))
        .isInstanceOf(IOException.class)
        .hasMessage("broken: /file: at byte 0");
    assertThatThrownBy(() -> new SharingCount(0, BuildProgress.NONE))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("threads 0: expected 1 to 256");
  }

  /** The same with split(1) and sha256sum(1). */
  @Test
  void findsWhatSplitAndSha256sumFind() throws Exception {
    Requires.tool("split");
    Requires.tool("sha256sum");
    Random random = new Random(11);
    List<Path> inputs = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      Path input = Files.createDirectories(temp.resolve("input" + i));
      inputs.add(input);
      for (int file = 0; file < 4; file++) {
        Files.write(input.resolve("file" + file), randomBlocks(random));
      }
      Files.copy(inputs.getFirst().resolve("file" + i), input.resolve("copy"));
    }
    List<SourceTree> trees = new ArrayList<>();
    for (Path input : inputs) {
      trees.add(NioTree.open(input));
    }
    SharingReport report = SharingReport.of(trees, 3);
    for (SourceTree tree : trees) {
      tree.close();
    }

    // No chunk of 1 MiB has nothing but zeros, so nothing is left out of whole files.
    assertThat(report.cuts().get(2).all().zeros()).isZero();
    for (Cut cut : report.cuts()) {
      Map<String, Long> all = new HashMap<>();
      List<Map<String, Long>> each = new ArrayList<>();
      for (int i = 0; i < inputs.size(); i++) {
        long[] data = new long[1];
        Map<String, Long> chunks = chunks(inputs.get(i), cut.chunkBytes(), data);
        long unique = sum(chunks, chunks.keySet());
        Set<String> fresh = new HashSet<>(chunks.keySet());
        fresh.removeAll(all.keySet());
        long total = report.inputs().get(i).bytes();
        assertThat(cut.inputs().get(i))
            .isEqualTo(
                new Bytes(total, total - data[0], unique, data[0] - unique, sum(chunks, fresh)));
        all.putAll(chunks);
        each.add(chunks);
      }
      assertThat(cut.all().unique()).isEqualTo(sum(all, all.keySet()));
      for (int a = 0; a < inputs.size(); a++) {
        for (int b = 0; b < inputs.size(); b++) {
          Set<String> both = new HashSet<>(each.get(a).keySet());
          both.retainAll(each.get(b).keySet());
          assertThat(cut.common().get(a).get(b)).isEqualTo(sum(all, both));
        }
      }
    }
  }

  /** Of few different blocks in long runs, so that chunks of all sizes are equal at times. */
  private static byte[] randomBlocks(Random random) {
    StringBuilder letters = new StringBuilder();
    int count = random.nextInt(20, 400);
    while (letters.length() < count) {
      String letter = String.valueOf("abc.".charAt(random.nextInt(4)));
      letters.append(letter.repeat(random.nextInt(2) == 0 ? 3 : 70));
    }
    byte[] blocks = blocks(letters + "abc");
    return Arrays.copyOf(blocks, blocks.length - random.nextInt(5000));
  }

  private static long sum(Map<String, Long> sizes, Set<String> keys) {
    return keys.stream().mapToLong(sizes::get).sum();
  }

  /** Sizes by digest of all chunks of an input that are not zeros; the sum of all sizes. */
  private Map<String, Long> chunks(Path input, int bytes, long[] data) throws Exception {
    String script =
        """
        cd "$1"
        for file in *; do
          split -a 4 -b $2 "$file" "$3/$file."
        done
        cd "$3"
        paste -d ' ' <(stat -c %s *) <(sha256sum * | cut -c 1-64) > "$3.all"
        for size in $(cut -d ' ' -f 1 "$3.all" | sort -u); do
          echo $size $(head -c $size /dev/zero | sha256sum | cut -c 1-64)
        done > "$3.zeros"
        grep -vxF -f "$3.zeros" "$3.all"
        rm *
        """;
    Path pieces = Files.createDirectories(temp.resolve("pieces"));
    Process process =
        new ProcessBuilder(
                "bash",
                "-euc",
                script,
                "bash",
                input.toString(),
                bytes == SharingReport.WHOLE_FILES ? "1G" : Integer.toString(bytes),
                pieces.toString())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).isZero();
    Map<String, Long> sizes = new HashMap<>();
    for (String line : out.lines().toList()) {
      long size = Long.parseLong(line.split(" ")[0]);
      sizes.put(line, size);
      data[0] += size;
    }
    return sizes;
  }
}
