package dev.aquifer.cli;

import static dev.aquifer.cli.LinuxTreeTest.run;
import static org.assertj.core.api.Assertions.assertThat;

import dev.aquifer.testing.Requires;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The same tree by every way of input, and what is told when it can't be read. */
class BuildInputTest {
  private static final Pattern MANIFEST = Pattern.compile("manifest +(sha256:[0-9a-f]{64})");

  @TempDir Path temp;
  private Path tree;
  private int images;

  @BeforeEach
  void makeTree() throws Exception {
    tree = Files.createDirectories(temp.resolve("tree"));
    run(
        "sh",
        "-ec",
        "cd \"$1\"; mkdir d; seq 9999 > d/numbers; ln d/numbers hard; ln -s d link; echo hi > hi;"
            + " chmod 6711 hi; mkdir -m 1777 tmp; touch -d @1700000000.25 hi; touch -d @99 d",
        "sh",
        tree.toString());
  }

  private void shell(String script) throws Exception {
    run("sh", "-ec", "cd \"$1\"; " + script, "sh", temp.toString());
  }

  private Program.Outcome build(Object input, Object... options) {
    Path output = temp.resolve("out/image" + images++);
    Object[] words = new Object[options.length + 4];
    words[0] = "build";
    words[1] = input;
    words[2] = "-o";
    words[3] = output;
    System.arraycopy(options, 0, words, 4, options.length);
    return Program.run(words);
  }

  private String manifest(Object input, Object... options) {
    Program.Outcome outcome = build(input, options);
    assertThat(outcome.exitCode()).as(outcome.err()).isZero();
    return manifest(outcome);
  }

  private static String manifest(Program.Outcome outcome) {
    Matcher matcher = MANIFEST.matcher(outcome.out());
    assertThat(matcher.find()).as(outcome.out()).isTrue();
    return matcher.group(1);
  }

  private void assertRefused(String line, Object input, Object... options) throws IOException {
    Program.Outcome outcome = build(input, options);
    assertThat(outcome.exitCode()).as(outcome.out()).isNotZero();
    assertThat(outcome.errors().getFirst()).startsWith("aquifer: ").contains(line);
    if (Files.exists(temp.resolve("out"))) {
      try (Stream<Path> left = Files.list(temp.resolve("out"))) {
        assertThat(left.filter(path -> path.getFileName().toString().startsWith("."))).isEmpty();
      }
    }
  }

  @Test
  void archivesAreFoundOutByWhatIsInThem() throws Exception {
    shell("tar --format=pax -C tree -cf a.tar .; gzip -k a.tar; cp a.tar.gz odd.name");
    String expected = manifest(tree);
    assertThat(manifest(temp.resolve("a.tar"))).isEqualTo(expected);
    assertThat(manifest(temp.resolve("a.tar"), "--tar=f")).isEqualTo(expected);
    assertThat(manifest(temp.resolve("odd.name"), "--input", "tar")).isEqualTo(expected);
    assertThat(manifest(temp.resolve("odd.name"))).isEqualTo(expected);
  }

  @Test
  void aFifoIsReadAsAStream() throws Exception {
    shell(
        "mkfifo pipe; tar --format=pax -C tree -cf a.tar .; (exec > log 2>&1; cat a.tar > pipe) &");
    assertThat(manifest(temp.resolve("pipe"))).isEqualTo(manifest(tree));
  }

  @Test
  @Tag("slow")
  void standardInputIsAnArchive() throws Exception {
    Path script = Program.script(temp);
    Program.Outcome outcome =
        Program.execute(
            temp,
            Map.of(),
            "sh",
            "-c",
            "tar --format=pax -C tree -cf - . | gzip | " + script + " build - -o fromstdin");
    assertThat(outcome.exitCode()).as(outcome.err()).isZero();
    assertThat(manifest(outcome)).isEqualTo(manifest(tree));
  }

  @Test
  void anErofsImageIsBuiltAgain() throws Exception {
    Requires.tool("mkfs.erofs");
    String expected = manifest(tree);
    shell("mkfs.erofs -zlz4hc image.erofs tree");
    assertThat(manifest(temp.resolve("image.erofs"))).isEqualTo(expected);
    assertThat(manifest(temp.resolve("image.erofs"), "--input", "erofs")).isEqualTo(expected);
    // What this program built is one, too.
    assertThat(manifest(temp.resolve("out/image0"))).isEqualTo(expected);
    shell("(head -c 8192 /dev/zero; cat image.erofs) > later.erofs");
    assertThat(manifest(temp.resolve("later.erofs"), "--offset", "8192")).isEqualTo(expected);
  }

  @Test
  void containerImagesOfSkopeoAndUmoci() throws Exception {
    Requires.root();
    Requires.tool("skopeo");
    Requires.tool("umoci");
    shell(
        "umoci init --layout oci; umoci new --image oci:app;"
            + " umoci unpack --image oci:app bundle; cp -a tree/. bundle/rootfs/;"
            + " umoci repack --image oci:app bundle;"
            + " rm -r bundle; umoci unpack --image oci:app bundle;"
            + " rm bundle/rootfs/hi; rm -r bundle/rootfs/d; mkdir bundle/rootfs/d;"
            + " echo new > bundle/rootfs/d/new; umoci repack --image oci:app bundle;"
            + " skopeo --insecure-policy copy oci:oci:app docker-archive:docker.tar:app:1;"
            + " skopeo --insecure-policy copy oci:oci:app oci-archive:oci.tar:app;"
            + " mkdir docker; tar -C docker -xf docker.tar; gzip -k docker.tar;"
            + " rm -r bundle; umoci unpack --image oci:app bundle");
    // umoci's own reading of the layers; it gives the root a time of its own.
    shell("touch -d @7 bundle/rootfs");
    String[] rest = {"-T", "7"};
    String expected = manifest(temp.resolve("bundle/rootfs"), (Object[]) rest);
    for (String input : List.of("oci", "oci.tar", "docker.tar", "docker.tar.gz")) {
      assertThat(manifest(temp.resolve(input), (Object[]) rest)).as(input).isEqualTo(expected);
    }
    assertThat(manifest(temp.resolve("docker"), "--input", "docker", "-T", "7"))
        .isEqualTo(expected);
    assertThat(
            manifest(temp.resolve("docker.tar"), "--image", "docker.io/library/app:1", "-T", "7"))
        .isEqualTo(expected);
    assertThat(manifest(temp.resolve("docker.tar"), "--input", "tar")).isNotEqualTo(expected);
    assertThat(manifest(temp.resolve("oci"), "--input", "dir")).isNotEqualTo(expected);
    assertRefused("--aufs is for one layer", temp.resolve("oci"), "--aufs");
    assertRefused("the image is for linux/", temp.resolve("docker.tar"), "--platform", "linux/vax");
  }

  /** Makes a container image as docker save does; the digest of the first of its layers. */
  private String docker(String name, String... layers) throws Exception {
    shell(
        ("ids=; tars=; mkdir -p %s; cd %s; for i in %s; do tar -C ../$i --mtime=@7 -cf $i.tar .;"
                + " ids=\"$ids,\\\"sha256:$(sha256sum <$i.tar | cut -c1-64)\\\"\";"
                + " tars=\"$tars,\\\"$i.tar\\\"\"; done;"
                + " echo \"{\\\"rootfs\\\":{\\\"diff_ids\\\":[${ids#,}]}}\" > config.json;"
                + " echo \"[{\\\"Config\\\":\\\"config.json\\\",\\\"Layers\\\":[${tars#,}]}]\" > manifest.json;"
                + " sha256sum %s.tar > sum; tar -cf ../%s.tar *")
            .formatted(name, name, String.join(" ", layers), layers[0], name));
    return Files.readString(temp.resolve(name).resolve("sum")).substring(0, 64);
  }

  private List<String> blobs(Object input, Object... options) {
    Program.Outcome outcome = build(input, options);
    assertThat(outcome.exitCode()).as(outcome.err()).isZero();
    return outcome.out().lines().filter(line -> line.startsWith("  blob ")).toList();
  }

  @Test
  void imagesWithACommonLayerHaveItsBlobInCommon() throws Exception {
    shell("mkdir one two; seq 20000 > one/f; seq 7 30000 > two/g");
    String digest = docker("first", "tree", "one");
    docker("second", "tree", "two");
    List<String> first = blobs(temp.resolve("first.tar"), "--blob-per-layer");
    List<String> second = blobs(temp.resolve("second"), "--input", "docker", "--blob-per-layer");
    assertThat(first).hasSize(2);
    assertThat(second).hasSize(2);
    assertThat(first.getFirst())
        .endsWith(", of layer sha256:" + digest)
        .isEqualTo(second.getFirst());
    assertThat(first.getLast()).isNotEqualTo(second.getLast());
    // Without it there is one blob, of all data.
    assertThat(blobs(temp.resolve("first.tar"))).hasSize(1).doesNotContainAnyElementsOf(first);
    Program.Outcome json = build(temp.resolve("first.tar"), "--blob-per-layer", "--json");
    assertThat(json.out()).contains("\"reusedFrom\": \"layer sha256:" + digest + "\"");
    long stored = 0;
    Matcher bytes = Pattern.compile("\"(?:objectB|b)ytes\": (\\d+)[,}]").matcher(json.out());
    String untilSource = json.out().substring(0, json.out().indexOf("\"sourceBytes\""));
    for (bytes.region(0, untilSource.length()); bytes.find(); ) {
      stored += Long.parseLong(bytes.group(1));
    }
    assertThat(json.out()).contains("\"storedBytes\": " + stored + ",");
  }

  @Test
  void blobsOfLayersNeedLayers() throws Exception {
    docker("app", "tree");
    String input = temp.resolve("app.tar").toString();
    String together = "expected neither --reuse nor an image of one file";
    assertRefused(together, input, "--blob-per-layer", "--reuse", "out/image0");
    assertRefused(together, input, "--blob-per-layer", "--single");
    assertRefused(together, input, "--blob-per-layer", "-zlz4");
    assertRefused(together, input, "--blob-per-layer", "--tar=i");
    assertRefused(tree + ": has no layers: with --blob-per-layer", tree, "--blob-per-layer");
    assertRefused("app.tar: has no layers", input, "--input", "tar", "--blob-per-layer");
  }

  @Test
  void whatIsNoInputIsRefused() throws Exception {
    Path text = Files.writeString(temp.resolve("text"), "no archive\n".repeat(100));
    assertRefused(text + ": is no tar archive", text);
    assertRefused("no: no such file or directory", temp.resolve("no"));
    assertRefused(text + ": is no directory", text, "--input", "dir");
    assertRefused("is a directory: expected a tar archive", tree, "--tar=f");
    assertRefused("index.json: is missing", tree, "--input", "oci");
    assertRefused("'--tar': 'x': expected f, i or headerball", text, "--tar=x");
    assertRefused("--tar=f and --input oci exclude each other", text, "--tar=f", "--input", "oci");
    assertRefused("'linux': expected os/architecture", text, "--platform", "linux");
    Files.writeString(temp.resolve("zip"), "BZh91AY&SY");
    assertRefused("is compressed with bzip2: expected gzip, zstd, xz or none", temp.resolve("zip"));
  }

  @Test
  void namesAndTargetsThatDontFitAreRefused() throws Exception {
    shell(
        "python3 -c \"import tarfile; t = tarfile.open('name.tar', 'w');"
            + " t.addfile(tarfile.TarInfo('d/' + 'n' * 256)); t.close();"
            + " t = tarfile.open('link.tar', 'w'); i = tarfile.TarInfo('l'); i.type = b'2';"
            + " i.linkname = 't' * 4096; t.addfile(i); t.close()\"");
    assertRefused("an impossible name of 256 bytes: expected 1 to 255", temp.resolve("name.tar"));
    assertRefused(
        "a link with a target of 4096 bytes: expected 1 to 4095", temp.resolve("link.tar"));
  }

  @Test
  void aTruncatedArchiveLeavesNothing() throws Exception {
    shell(
        "tar --format=pax -C tree -cf a.tar .; head -c 9000 a.tar > cut.tar; gzip -c a.tar | head -c 900 > cut.gz");
    assertRefused("it is truncated, use the whole archive", temp.resolve("cut.tar"));
    assertRefused("its gzip data is damaged: it ends too early", temp.resolve("cut.gz"));
  }
}
