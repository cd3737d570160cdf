package dev.aquifer.cli;

import static dev.aquifer.cli.LinuxTreeTest.run;
import static org.assertj.core.api.Assertions.assertThat;

import dev.aquifer.build.ReuseImage;
import dev.aquifer.image.Extent;
import dev.aquifer.image.Image;
import dev.aquifer.io.FileSource;
import dev.aquifer.testing.Requires;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Data of archives lies as in the archive, where GNU tar put it, if that is asked. */
class ArchiveOrderTest {
  private static final int TAR_BLOCK = 512;

  @TempDir Path temp;

  private void shell(String script) throws Exception {
    run("sh", "-ec", "cd \"$1\"; " + script, "sh", temp.toString());
  }

  /** Makes {@code name.tar} of random files in random order, some of them twice or linked. */
  private void archive(String name, long seed) throws Exception {
    Random random = new Random(seed);
    List<String> names = new ArrayList<>();
    for (String directory : List.of("", "d/", "d/e/", "z/")) {
      for (int i = 0; i < 8; i++) {
        names.add(directory + "f" + i);
      }
    }
    Collections.shuffle(names, random);
    writeNoise(name, random, names);
    Path list = Files.write(temp.resolve("list"), names);
    shell(
        "cd %s; ln %s y; ln z/f0 x; tar -cf ../%s.tar -T %s ./y ./x"
            .formatted(name, names.get(5), name, list));
    // Another file in the place of what was there; the other name of one of them has the old data.
    List<String> again = names.subList(3, 9);
    for (String each : again) {
      Files.delete(temp.resolve(name).resolve(each));
    }
    writeNoise(name, random, again);
    Files.write(list, again);
    shell("cd %s; tar -rf ../%s.tar -T %s".formatted(name, name, list));
    shell(
        "rm -r %s; mkdir %s; tar -C %s -xpf %s.tar; touch -d @5 %s"
            .formatted(name, name, name, name, name));
  }

  private void writeNoise(String directory, Random random, List<String> names) throws IOException {
    for (String name : names) {
      Path file = temp.resolve(directory).resolve(name);
      Files.createDirectories(file.getParent());
      byte[] bytes = new byte[600 + random.nextInt(20_000)];
      random.nextBytes(bytes);
      Files.write(file, bytes);
    }
  }

  /** The files of what GNU tar unpacked, each once, as their data stands in the archive. */
  private List<String> archived(String name) throws IOException {
    byte[] archive = Files.readAllBytes(temp.resolve(name + ".tar"));
    Map<Integer, String> byPosition = new TreeMap<>();
    try (Stream<Path> files = Files.walk(temp.resolve(name))) {
      for (Path file : files.filter(Files::isRegularFile).sorted().toList()) {
        byte[] data = Files.readAllBytes(file);
        int at = 0;
        while (!Arrays.equals(archive, at, at + data.length, data, 0, data.length)) {
          at += TAR_BLOCK;
        }
        byPosition.putIfAbsent(at, temp.resolve(name).relativize(file).toString());
      }
    }
    return List.copyOf(byPosition.values());
  }

  private List<String> laidOut(Image image, String name) throws IOException {
    Map<Long, String> byAddress = new TreeMap<>();
    try (Stream<Path> files = Files.walk(temp.resolve(name))) {
      for (Path file : files.filter(Files::isRegularFile).sorted().toList()) {
        String path = temp.resolve(name).relativize(file).toString();
        long address =
            switch (image.map(image.lookup(path), 0)) {
              case Extent.Plain plain -> plain.addressBytes();
              case Extent.Encoded encoded -> encoded.addressBytes();
              case Extent.Hole _, Extent.Fragment _ -> throw new AssertionError(path);
            };
        byAddress.putIfAbsent(address, path);
      }
    }
    return List.copyOf(byAddress.values());
  }

  private Path build(String input, Object... options) {
    Path output = temp.resolve("out" + options.length + Arrays.hashCode(options));
    List<Object> words = new ArrayList<>(List.of("build", temp.resolve(input), "-o", output));
    words.addAll(List.of(options));
    words.add("--force");
    Program.Outcome outcome = Program.run(words.toArray());
    assertThat(outcome.exitCode()).as(outcome.err()).isZero();
    return output;
  }

  private List<String> ofLayout(String name, String input, Object... options) throws IOException {
    try (ReuseImage image = ReuseImage.open(build(input, options))) {
      return laidOut(image.image(), name);
    }
  }

  private List<String> ofFile(String name, String input, Object... options) throws IOException {
    try (FileSource source = FileSource.open(build(input, options))) {
      return laidOut(Image.open(source), name);
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3})
  void dataLiesAsInTheArchive(long seed) throws Exception {
    archive("a", seed);
    List<String> expected = archived("a");
    assertThat(expected).hasSize(33);
    String none = "--sort=none";
    assertThat(ofLayout("a", "a.tar", none)).as("seed %d", seed).isEqualTo(expected);
    assertThat(ofFile("a", "a.tar", none, "-Enoinline_data")).isEqualTo(expected);
    assertThat(ofFile("a", "a.tar", none, "-zlz4", "-Enoinline_data")).isEqualTo(expected);
    assertThat(ofFile("a", "a.tar", none, "--chunksize=4096")).isEqualTo(expected);
    shell("gzip -k a.tar");
    assertThat(ofLayout("a", "a.tar.gz", none, "--all-root", "-T0")).isEqualTo(expected);
    List<String> byPath = ofLayout("a", "a");
    assertThat(byPath).isNotEqualTo(expected);
    assertThat(ofLayout("a", "a.tar")).isEqualTo(byPath);
    assertThat(ofLayout("a", "a.tar", "--sort=path")).isEqualTo(byPath);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "--single", "-zzstd", "--chunksize=4096", "--inode-digest"})
  void isTheSameForAnyCountOfThreads(String form) throws Exception {
    archive("a", 4);
    List<Object> options = new ArrayList<>(List.of("--sort=none"));
    if (!form.isEmpty()) {
      options.add(form);
    }
    options.add("--threads=1");
    Path first = build("a.tar", options.toArray());
    for (int threads : new int[] {2, 8}) {
      options.set(options.size() - 1, "--threads=" + threads);
      Path other = build("a.tar", options.toArray());
      run("diff", "-r", first.toString(), other.toString());
    }
  }

  @Test
  void whatIsListedComesFirst() throws Exception {
    archive("a", 5);
    Path list = Files.write(temp.resolve("order"), List.of("z/f3", "d/e", "f2"));
    List<String> expected = new ArrayList<>(List.of("z/f3"));
    List<String> rest = new ArrayList<>(archived("a"));
    rest.stream().filter(path -> path.startsWith("d/e/")).forEach(expected::add);
    expected.add("f2");
    rest.removeAll(expected);
    expected.addAll(rest);
    assertThat(ofLayout("a", "a.tar", "--sort=none", "--order", list)).isEqualTo(expected);
    assertThat(ofFile("a", "a.tar", "--sort=none", "--order", list, "-zlz4", "-Enoinline_data"))
        .isEqualTo(expected);
  }

  @Test
  void dataOfLayersLiesAsTheLayersFollow() throws Exception {
    archive("a", 6);
    shell("mkdir b; cp -a a/z b; rm b/z/f7");
    writeNoise("b", new Random(6), List.of("z/f1", "f4", "new"));
    shell("cd b; tar -cf ../b.tar new z/f1 f4");
    shell(
        "mkdir c; cp a.tar b.tar c; cd c;"
            + " echo \"{\\\"rootfs\\\":{\\\"diff_ids\\\":[\\\"sha256:$(sha256sum <a.tar | cut -c1-64)\\\","
            + "\\\"sha256:$(sha256sum <b.tar | cut -c1-64)\\\"]}}\" > config.json;"
            + " echo '[{\"Config\":\"config.json\",\"Layers\":[\"a.tar\",\"b.tar\"]}]' > manifest.json;"
            + " tar -cf ../c.tar *");
    List<String> expected = new ArrayList<>(archived("a"));
    expected.removeAll(List.of("z/f1", "f4"));
    expected.addAll(List.of("new", "z/f1", "f4"));
    shell("cp -a b/. a");
    assertThat(ofLayout("a", "c.tar", "--sort=none")).isEqualTo(expected);
    Program.Outcome outcome =
        Program.run(
            "build",
            temp.resolve("c.tar"),
            "-o",
            temp.resolve("no"),
            "--sort=none",
            "--blob-per-layer");
    assertThat(outcome.exitCode()).isEqualTo(2);
    assertThat(outcome.errors().getFirst())
        .contains(
            "--blob-per-layer stores a layer alike: expected neither --order nor --sort=none");
  }

  @Tag("root")
  @Test
  void theKernelShowsWhatGnuTarMakesOfTheArchive() throws Exception {
    Requires.root();
    archive("a", 7);
    Path image = build("a.tar", "--sort=none", "-zlz4");
    try (DeviceMount mount = DeviceMount.of(image, List.of(), temp)) {
      run("diff", "-r", mount.target().toString(), temp.resolve("a").toString());
    }
  }

  @Test
  void whatHasNoOrderOfItsOwnIsRefused() throws Exception {
    shell("mkdir t; echo x > t/f; tar -C t -cf t.tar .");
    Path image = build("t.tar", "--single", "--sort=none");
    for (Path input : List.of(temp.resolve("t"), image)) {
      Program.Outcome outcome =
          Program.run("build", input, "-o", temp.resolve("no"), "--sort=none");
      assertThat(outcome.exitCode()).isEqualTo(2);
      assertThat(outcome.errors().getFirst())
          .isEqualTo(
              "aquifer: "
                  + input
                  + ": has its files in no order of its own: expected a tar archive or a container image, or --sort=path");
    }
    Program.Outcome outcome =
        Program.run("build", temp.resolve("t.tar"), "-o", temp.resolve("no"), "--sort=size");
    assertThat(outcome.exitCode()).isEqualTo(2);
    assertThat(outcome.errors().getFirst()).contains("'--sort'").contains("path, none");
    assertThat(temp.resolve("no")).doesNotExist();
  }

  /** An index has no data but that of files with holes. */
  @Test
  void indexesTakeTheOptionToo() throws Exception {
    shell(
        "mkdir t; for i in b a; do truncate -s 100K t/$i; yes $i | dd of=t/$i seek=50 bs=1K count=4"
            + " iflag=fullblock conv=notrunc; done; cd t; tar --sparse -cf ../t.tar b a");
    List<String> positions = new ArrayList<>();
    for (String sort : List.of("none", "path")) {
      byte[] image = Files.readAllBytes(build("t.tar", "--tar=i", "--sort=" + sort));
      String text = new String(image, StandardCharsets.ISO_8859_1);
      assertThat(text).contains("a\na\n").contains("b\nb\n");
      positions.add(text.indexOf("a\na\n") < text.indexOf("b\nb\n") ? "a" : "b");
    }
    assertThat(positions).containsExactly("b", "a");
  }
}
