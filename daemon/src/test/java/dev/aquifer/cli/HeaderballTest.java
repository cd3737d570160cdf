package dev.aquifer.cli;

import static dev.aquifer.cli.LinuxTreeTest.lines;
import static dev.aquifer.cli.LinuxTreeTest.run;
import static org.assertj.core.api.Assertions.assertThat;

import dev.aquifer.testing.Requires;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Archives of headers become layers of metadata, to which overlayfs adds the data. */
class HeaderballTest {
  /** Takes the data out of t.tar, and says in each header where overlayfs finds it. */
  private static final String STRIP =
      """
      import tarfile
      out = open('h.tar', 'wb')
      for i, m in enumerate(tarfile.open('t.tar')):
          if m.isreg() and m.size:
              data = open('data/%d' % i, 'wb')
              data.write(open('tree/' + m.name, 'rb').read())
              m.pax_headers['SCHILY.xattr.trusted.overlay.metacopy'] = ''
              m.pax_headers['SCHILY.xattr.trusted.overlay.redirect'] = '/%d' % i
          out.write(m.tobuf(tarfile.PAX_FORMAT))
      out.write(b'\\0' * 1024)
      """;

  @TempDir Path temp;

  @BeforeEach
  void makeHeaderball() throws Exception {
    Files.writeString(temp.resolve("strip.py"), STRIP);
    shell(
        "mkdir -p tree/d data; seq 90000 > tree/d/numbers; echo hi > tree/hi; chmod 4711 tree/hi;"
            + " ln tree/hi tree/d/hard; ln -s hi tree/link; : > tree/empty; mkfifo tree/d/fifo;"
            + " n=$(printf %0200d 7); echo long > tree/d/$n; truncate -s 5G tree/d/large;"
            + " touch -d @1700000000.25 tree/hi; touch -d @5 tree/d tree;"
            + " tar --format=pax --sparse -C tree -cf - --exclude large . > t.tar; python3 strip.py");
  }

  private void shell(String script) throws Exception {
    run("sh", "-ec", "cd \"$1\"; " + script, "sh", temp.toString());
  }

  private Path at(String name) {
    return temp.resolve(name);
  }

  private Program.Outcome build(String input, Object... options) {
    List<Object> words = new ArrayList<>(List.of("build", "--tar=headerball", at(input)));
    words.addAll(List.of("-o", at("out")));
    words.addAll(List.of(options));
    return Program.run(words.toArray());
  }

  @Tag("root")
  @ParameterizedTest
  @ValueSource(strings = {"--quiet", "-b512", "-E48bit", "-Enoinline_data", "-m4096"})
  void overlayfsAddsTheData(String option) throws Exception {
    Requires.root();
    Program.Outcome outcome =
        option.equals("-m4096") ? build("h.tar", "-E48bit", option) : build("h.tar", option);
    assertThat(outcome.exitCode()).as(outcome.err()).isZero();
    shell("rm tree/d/large; touch -d @5 tree/d; mkdir overlay");
    try (DeviceMount mount = DeviceMount.of(at("out"), List.of(), temp)) {
      String layers = mount.target() + "::" + at("data");
      run(
          "mount",
          "-t",
          "overlay",
          "overlay",
          "-o",
          "ro,metacopy=on,redirect_dir=on,lowerdir=" + layers,
          at("overlay").toString());
      try (LinuxTree overlay = LinuxTree.open(at("overlay"));
          LinuxTree expected = LinuxTree.open(at("tree"))) {
        assertThat(lines(overlay)).isEqualTo(lines(expected));
      } finally {
        run("umount", at("overlay").toString());
      }
    }
    Program.Outcome fsck = Program.run("fsck", "--data", at("out"));
    assertThat(fsck.exitCode()).as(fsck.out() + fsck.err()).isZero();
    assertThat(Files.size(at("out"))).isLessThan(64 << 10);
  }

  @Test
  void filesHaveTheSizesThatHeadersTell() throws Exception {
    shell(
        "python3 -c \"import tarfile; f = open('big.tar', 'wb');"
            + " m = tarfile.TarInfo('big'); m.size = 2**63 - 1;"
            + " m.pax_headers['SCHILY.xattr.trusted.overlay.metacopy'] = '';"
            + " f.write(m.tobuf(tarfile.PAX_FORMAT) + bytes(1024))\"; gzip big.tar");
    Program.Outcome outcome = build("big.tar.gz", "--ungzip", "--json");
    assertThat(outcome.exitCode()).as(outcome.err()).isZero();
    assertThat(outcome.out()).contains("\"kind\": \"file\"").contains("\"inputKind\": \"tar\"");
    assertThat(Program.run("stat", at("out"), "/big").out()).contains("9223372036854775807");
  }

  private void assertRefused(int exitCode, String line, String input, Object... options)
      throws IOException {
    Program.Outcome outcome = build(input, options);
    assertThat(outcome.errors().getFirst()).startsWith("aquifer: ").contains(line);
    assertThat(outcome.exitCode()).isEqualTo(exitCode);
    try (Stream<Path> files = Files.list(temp)) {
      assertThat(files.map(file -> file.getFileName().toString()))
          .noneMatch(name -> name.startsWith(".") || name.equals("out"));
    }
  }

  /** mkfs.erofs makes files of zeros of it. */
  @Test
  void filesThatWouldReadAsZerosAreRefused() throws Exception {
    shell("sed -i '/metacopy/d' strip.py; mv h.tar marked.tar; python3 strip.py");
    String line =
        "bytes would be read as zeros: expected the attribute trusted.overlay.metacopy, by which overlayfs takes them from a layer below";
    assertRefused(1, line, "h.tar");
    assertRefused(1, line, "marked.tar", "--no-xattrs");
  }

  @Test
  void archivesWithDataAreNot() throws Exception {
    assertRefused(
        1,
        "the header's checksum is wrong: the archive is damaged here, or has data of files: expected headers alone",
        "t.tar");
    shell(
        "tar --sparse -C tree -cf old.tar d/large; tar --format=pax --sparse -C tree -cf new.tar d/large");
    for (String archive : List.of("old.tar", "new.tar")) {
      assertRefused(1, "is a file with holes, of which headers alone do not tell", archive);
    }
    shell("head -c 3000 h.tar > cut.tar");
    assertRefused(1, "it is truncated, use the whole archive", "cut.tar");
  }

  @Test
  void whatIsOfDataIsRefused() throws Exception {
    String line = "--tar=headerball makes an image without data: expected no -z";
    for (String option : List.of("-zlz4", "--chunksize=4096", "-C8192", "--inode-digest")) {
      assertRefused(2, line, "h.tar", option);
    }
    assertRefused(2, line, "h.tar", "--compression", "none");
    assertRefused(2, line, "h.tar", "--reuse", "x");
    assertRefused(2, "--blob-per-layer is for image layouts", "h.tar", "--blob-per-layer");
    assertRefused(2, "--tar=headerball and --input oci", "h.tar", "--input", "oci");
    assertRefused(1, "tree: is a directory: expected a tar archive", "tree");
    Program.Outcome report = Program.run("dedupe-report", "--tar=headerball", at("h.tar"));
    assertThat(report.errors().getFirst())
        .isEqualTo(
            "aquifer: "
                + at("h.tar")
                + ": has headers alone, and no data of files: expected to need none of it");
  }
}
