package dev.aquifer.cli;

import static dev.aquifer.cli.LinuxTreeTest.run;
import static org.assertj.core.api.Assertions.assertThat;

import dev.aquifer.testing.Requires;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Archives that must be compressed, and whose plain form is kept. */
class PackedArchiveTest {
  @TempDir Path temp;

  @BeforeEach
  void makeArchives() throws Exception {
    shell(
        "mkdir -p tree/d; seq 90000 > tree/d/numbers; echo hi > tree/hi; ln tree/hi tree/d/hard;"
            + " touch -d @5 tree/d tree; tar -C tree -cf a.tar .; gzip -k a.tar; xz -k a.tar");
  }

  private void shell(String script) throws Exception {
    run("sh", "-ec", "cd \"$1\"; " + script, "sh", temp.toString());
  }

  private Path at(String name) {
    return temp.resolve(name);
  }

  private Program.Outcome build(String input, Object... options) {
    List<Object> words = new ArrayList<>(List.of("build"));
    words.addAll(List.of(options));
    words.addAll(List.of(at(input), "-o", at("out")));
    return Program.run(words.toArray());
  }

  private void built(String input, Object... options) throws Exception {
    shell("rm -rf out");
    Program.Outcome outcome = build(input, options);
    assertThat(outcome.exitCode()).as(outcome.err()).isZero();
  }

  @ParameterizedTest
  @CsvSource({"--ungzip,gz", "--unxz,xz"})
  void thePlainFormIsKept(String option, String suffix) throws Exception {
    for (String form : List.of("--tar=f", "--single", "--tar=i")) {
      built("a.tar", form);
      shell("rm -rf expected; mv out expected; mkdir -p kept");
      built("a.tar." + suffix, form, option + "=" + at("kept/a.tar"));
      run("diff", "-r", at("expected").toString(), at("out").toString());
      assertThat(at("kept/a.tar")).hasSameBinaryContentAs(at("a.tar"));
      shell("rm kept/a.tar");
      if (!form.equals("--tar=i")) {
        built("a.tar." + suffix, form, option);
        run("diff", "-r", at("expected").toString(), at("out").toString());
      }
      assertThat(at("kept")).isEmptyDirectory();
    }
  }

  @Tag("root")
  @ParameterizedTest
  @CsvSource({"--ungzip,gz", "--unxz,xz"})
  void theKernelMountsAnIndexOfWhatWasKept(String option, String suffix) throws Exception {
    Requires.root();
    built("a.tar." + suffix, "--tar=i", option + "=" + at("kept.tar"));
    try (DeviceMount mount = DeviceMount.of(at("out"), List.of(at("kept.tar")), temp)) {
      run("diff", "-r", mount.target().toString(), at("tree").toString());
    }
    Program.Outcome cat = Program.run("cat", at("out"), "/hi", "--device", at("kept.tar"));
    assertThat(cat.out()).isEqualTo("hi\n");
  }

  /** As gzip -c a b makes. */
  @Test
  void allMembersAreTaken() throws Exception {
    shell(
        "split -b 100K a.tar part.; for i in part.*; do gzip -c $i; done > b.tar.gz;"
            + " for i in part.*; do xz -c $i; done > b.tar.xz");
    built("b.tar.gz", "--ungzip=" + at("gz.tar"));
    built("b.tar.xz", "--unxz=" + at("xz.tar"));
    assertThat(at("gz.tar")).hasSameBinaryContentAs(at("a.tar"));
    assertThat(at("xz.tar")).hasSameBinaryContentAs(at("a.tar"));
  }

  @Test
  void aFifoIsTakenToo() throws Exception {
    shell("mkfifo pipe; (exec > log 2>&1; cat a.tar.gz > pipe) &");
    built("pipe", "--tar=i", "--ungzip=" + at("kept.tar"));
    assertThat(at("kept.tar")).hasSameBinaryContentAs(at("a.tar"));
  }

  @Test
  @Tag("slow")
  void standardInputIsTakenToo() throws Exception {
    Path script = Program.script(temp);
    Program.Outcome outcome =
        Program.execute(
            temp,
            Map.of(),
            "sh",
            "-c",
            "xz -c a.tar | " + script + " build --tar=i --unxz=kept.tar - -o out");
    assertThat(outcome.exitCode()).as(outcome.err()).isZero();
    assertThat(outcome.out()).contains("device 1   kept.tar");
    assertThat(at("kept.tar")).hasSameBinaryContentAs(at("a.tar"));
  }

  private void assertRefused(int exitCode, String line, String input, Object... options)
      throws IOException {
    List<Path> before = list();
    Program.Outcome outcome = build(input, options);
    assertThat(outcome.errors().getFirst()).startsWith("aquifer: ").contains(line);
    assertThat(outcome.exitCode()).isEqualTo(exitCode);
    assertThat(list()).isEqualTo(before);
  }

  private List<Path> list() throws IOException {
    try (Stream<Path> files = Files.list(temp)) {
      return files.sorted().toList();
    }
  }

  @Test
  void whatIsNotCompressedSoIsRefused() throws Exception {
    String keep = "=" + at("kept.tar");
    for (String file : List.of("", keep)) {
      String gzip = "expected an archive that is compressed with gzip";
      assertRefused(1, "a.tar: is not compressed: " + gzip, "a.tar", "--ungzip" + file);
      assertRefused(1, "a.tar.xz: is compressed with xz: " + gzip, "a.tar.xz", "--ungzip" + file);
      assertRefused(
          1,
          "a.tar.gz: is compressed with gzip: expected an archive that is compressed with xz",
          "a.tar.gz",
          "--unxz" + file);
      assertRefused(1, "tree: is a directory: expected a tar archive", "tree", "--unxz" + file);
      assertRefused(1, "no: no such file or directory", "no", "--ungzip" + file);
      assertRefused(
          2, "--ungzip and --unxz are for archives", "a.tar.gz", "--input=dir", "--ungzip" + file);
      assertRefused(
          2, "--ungzip and --unxz exclude each other", "a.tar.gz", "--unxz", "--ungzip" + file);
    }
    Program.Outcome url = Program.run("build", "--ungzip", "http://h/a", "-o", at("out"));
    assertThat(url.errors().getFirst()).contains("--ungzip and --unxz are for archives");
    assertRefused(2, "expected --ungzip=FILE or --unxz=FILE", "a.tar.gz", "--tar=i", "--ungzip");
    assertRefused(
        1, "unpack it first; --ungzip=FILE and --unxz=FILE do that", "a.tar.gz", "--tar=i");
  }

  @Test
  void nothingIsLeftOfWhatIsDamaged() throws Exception {
    shell(
        "head -c 70000 a.tar.gz > cut.gz; head -c 2000 a.tar.xz > cut.xz; gzip -c tree/d/numbers > text.gz;"
            + " head -c 100000 a.tar | gzip > short.gz");
    String gzip = "--ungzip=" + at("kept.tar");
    for (String form : List.of("--tar=i", "--tar=f", "--single")) {
      assertRefused(1, "cut.gz: its gzip data is damaged: it ends too early", "cut.gz", form, gzip);
      assertRefused(
          1, "cut.xz: its xz data is damaged", "cut.xz", form, "--unxz=" + at("kept.tar"));
      assertRefused(1, "text.gz: is no tar archive", "text.gz", form, gzip);
      assertRefused(1, "it is truncated, use the whole archive", "short.gz", form, gzip);
    }
  }

  @Test
  void whatIsThereIsKeptUnlessForced() throws Exception {
    Path kept = Files.writeString(at("kept.tar"), "old");
    String option = "--ungzip=" + kept;
    for (String form : List.of("--tar=i", "--tar=f", "--single")) {
      assertRefused(1, kept + ": exists already", "a.tar.gz", form, option);
      assertThat(kept).hasContent("old");
      // Nor is it replaced if there is no image in the end.
      shell("mkdir out; touch out/x");
      assertRefused(1, "out: is no ", "a.tar.gz", form, option, "--force");
      assertThat(kept).hasContent("old");
      shell("rm -r out; cp a.tar out; rm kept.tar");
      assertRefused(1, "out: exists already", "a.tar.gz", form, option);
      shell("rm out; echo old > kept.tar");
      built("a.tar.gz", form, option, "--force");
      assertThat(kept).hasSameBinaryContentAs(at("a.tar"));
      shell("rm -r out; printf old > kept.tar");
    }
  }

  @Test
  void everyFileHasAPlaceOfItsOwn() throws Exception {
    shell("ln -s . link");
    for (String form : List.of("--tar=i", "--tar=f", "--single")) {
      assertRefused(
          2,
          "out: can't be the image and the plain archive: expected two names",
          "a.tar.gz",
          form,
          "--ungzip=" + at("link/out"));
      assertRefused(
          2,
          "a.tar.gz: can't be the archive and its plain copy: expected two names",
          "a.tar.gz",
          form,
          "--force",
          "--ungzip=" + at("link/a.tar.gz"));
    }
    assertRefused(
        2,
        "blob: can't be its device and the plain archive",
        "a.tar.gz",
        "--chunksize=4096",
        "--blobdev=" + at("blob"),
        "--ungzip=" + at("link/blob"));
    // A layout that is replaced would take it along.
    built("a.tar");
    assertRefused(
        2,
        "out: can't be the image and the plain archive",
        "a.tar.gz",
        "--force",
        "--ungzip=" + at("out/kept.tar"));
  }

  @Test
  void theDeviceOfChunksIsMadeAsWell() throws Exception {
    built("a.tar.gz", "--chunksize=4096", "--blobdev=" + at("blob"), "--ungzip=" + at("kept.tar"));
    assertThat(at("kept.tar")).hasSameBinaryContentAs(at("a.tar"));
    Program.Outcome cat = Program.run("cat", at("out"), "/d/numbers", "--device", at("blob"));
    assertThat(cat.out()).isEqualTo(Files.readString(at("tree/d/numbers")));
  }
}
