package dev.aquifer.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.w3c.dom.Document;
import org.w3c.dom.NodeList;

class DedupeReportCommandTest {
  @TempDir Path temp;
  private Path first;
  private Path second;

  /** 128 KiB of data and 64 KiB of zeros; the second has the first half of the data. */
  @BeforeEach
  void makeInputs() throws IOException {
    byte[] data = new byte[3 << 16];
    new Random(5).nextBytes(data);
    Arrays.fill(data, 1 << 16, 2 << 16, (byte) 0);
    first = Files.createDirectories(temp.resolve("first"));
    second = Files.createDirectories(temp.resolve("a <second> & \"last\""));
    Files.write(first.resolve("data"), data);
    Files.write(second.resolve("half"), Arrays.copyOf(data, 1 << 16));
  }

  @Test
  void printsATableAndAMatrix() {
    Program.Outcome outcome = Program.run("dedupe-report", first, second);

    assertThat(outcome.exitCode()).as(outcome.err()).isZero();
    assertThat(outcome.err()).isEmpty();
    List<String> rows =
        outcome
            .out()
            .replace(first.toString(), "A")
            .replace(second.toString(), "B")
            .lines()
            .map(line -> line.replaceAll(" +", " ").strip())
            .toList();
    assertThat(rows)
        .contains(
            "CHUNKS INPUT TOTAL ZEROS UNIQUE SAVED SAVED % NEW",
            "4 KiB A 192 KiB 64.0 KiB 128 KiB 0 B 0.0 % 128 KiB",
            "4 KiB B 64.0 KiB 0 B 64.0 KiB 0 B 0.0 % 0 B",
            "4 KiB (all) 256 KiB 64.0 KiB 128 KiB 64.0 KiB 33.3 % 128 KiB",
            "64 KiB (all) 256 KiB 64.0 KiB 128 KiB 64.0 KiB 33.3 % 128 KiB",
            "1 MiB (all) 256 KiB 0 B 256 KiB 0 B 0.0 % 256 KiB",
            "whole files (all) 256 KiB 0 B 256 KiB 0 B 0.0 % 256 KiB",
            "of A of B",
            "in A 64.0 KiB, 100.0 %",
            "in B 64.0 KiB, 50.0 %")
        .hasSize(18);
  }

  @Test
  void printsJson() throws IOException {
    Program.Outcome outcome = Program.run("dedupe-report", "--json", first, second);

    JsonNode found = new ObjectMapper().readTree(outcome.out());
    assertThat(found.at("/inputs/1/name").asText()).isEqualTo(second.toString());
    assertThat(found.at("/inputs/0/bytes").asLong()).isEqualTo(3 << 16);
    assertThat(found.at("/inputs/0/files").asLong()).isEqualTo(1);
    assertThat(found.at("/cuts/1").toString())
        .isEqualTo(
            "{'chunkBytes':65536,'all':{'totalBytes':262144,'zeroBytes':65536,'uniqueBytes':131072,'savedBytes':65536,'newBytes':131072},'inputs':[{'totalBytes':196608,'zeroBytes':65536,'uniqueBytes':131072,'savedBytes':0,'newBytes':131072},{'totalBytes':65536,'zeroBytes':0,'uniqueBytes':65536,'savedBytes':0,'newBytes':0}],'commonBytes':[[131072,65536],[65536,65536]]}"
                .replace('\'', '"'));
    assertThat(found.at("/cuts/3/chunkBytes").asInt(-1)).isZero();
    assertThat(found.path("cuts")).hasSize(4);
  }

  @Test
  void takesWhatBuildTakes() throws IOException, InterruptedException {
    Path tar = temp.resolve("first.tar.gz");
    Path image = temp.resolve("image");
    Path file = temp.resolve("file.erofs");
    assertThat(
            Program.execute(temp, java.util.Map.of(), "tar", "-C", first, "-czf", tar, ".")
                .exitCode())
        .isZero();
    assertThat(Program.run("build", first, "-o", image).exitCode()).isZero();
    assertThat(Program.run("build", first, "-o", file, "-z", "lz4").exitCode()).isZero();
    Program.Outcome outcome = Program.run("dedupe-report", "--json", first, tar, image, file);

    assertThat(outcome.exitCode()).as(outcome.err()).isZero();
    JsonNode all = new ObjectMapper().readTree(outcome.out()).at("/cuts/1/all");
    assertThat(all.path("totalBytes").asLong()).isEqualTo(4 * (3 << 16));
    assertThat(all.path("uniqueBytes").asLong()).isEqualTo(2 << 16);
    assertThat(all.path("zeroBytes").asLong()).isEqualTo(4 << 16);
  }

  @Test
  void drawsAPicture() throws Exception {
    Path picture = temp.resolve("picture.svg");
    Program.Outcome outcome = Program.run("dedupe-report", first, second, "--svg", picture);
    assertThat(outcome.exitCode()).as(outcome.err()).isZero();

    Document svg =
        DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(picture.toFile());
    assertThat(svg.getDocumentElement().getTagName()).isEqualTo("svg");
    List<String> texts = texts(svg.getElementsByTagName("text"));
    assertThat(texts)
        .contains(
            "What sharing saves in 2 inputs",
            "stored once",
            "saved within an input",
            "saved between inputs",
            "zeros and holes",
            "chunk size",
            "4 KiB",
            "whole files",
            "bytes of regular files, before compression",
            "33.3 % saved")
        .anyMatch(text -> text.endsWith("a <second> & \"last\""));
    // 64 of 256 KiB in chunks of 4 KiB: a quarter of the plot.
    NodeList bars = svg.getElementsByTagName("rect");
    List<String> widths = new ArrayList<>();
    for (int i = 0; i < bars.getLength(); i++) {
      var bar = bars.item(i).getAttributes();
      if (bar.getNamedItem("class").getNodeValue().equals("across")) {
        widths.add(bar.getNamedItem("width").getNodeValue());
      }
    }
    // The legend, two sizes of chunk, and the second input, a third of the first.
    assertThat(widths).containsExactly("14.00", "150.00", "150.00", "200.00");
  }

  @Test
  void drawsNothingToo() throws Exception {
    Path empty = Files.createDirectories(temp.resolve("empty\u0001"));
    Path picture = temp.resolve("picture.svg");
    Program.Outcome outcome = Program.run("dedupe-report", empty, "--svg", picture);
    assertThat(outcome.exitCode()).as(outcome.err()).isZero();
    assertThat(outcome.out()).contains("empty?  0 B").doesNotContain("(all)", "How much");
    Document svg =
        DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(picture.toFile());
    assertThat(texts(svg.getElementsByTagName("text")))
        .contains("0.0 % saved", "0 B")
        .anyMatch(
            text -> text.startsWith("What sharing saves in ") && text.endsWith("empty\ufffd"));
  }

  private static List<String> texts(NodeList nodes) {
    List<String> texts = new ArrayList<>();
    for (int i = 0; i < nodes.getLength(); i++) {
      texts.add(nodes.item(i).getTextContent());
    }
    return texts;
  }

  @Test
  void replacesNoPictureUnlessTold() throws IOException {
    Path picture = Files.writeString(temp.resolve("picture.svg"), "precious");
    Program.Outcome outcome = Program.run("dedupe-report", first, "--svg", picture);
    assertThat(outcome.exitCode()).isEqualTo(1);
    assertThat(outcome.errors())
        .containsExactly(
            "aquifer: "
                + picture
                + ": exists already: expected a new name, or --force to replace it");
    assertThat(picture).hasContent("precious");
    assertThat(Program.run("dedupe-report", first, "--svg", picture, "--force").exitCode())
        .isZero();
    assertThat(picture).content().startsWith("<?xml");
    assertThat(Files.list(temp)).containsExactlyInAnyOrder(first, second, picture);
  }

  @Test
  void saysWhatIsWrong() {
    assertThat(Program.run("dedupe-report").errors().getFirst())
        .isEqualTo("aquifer: missing required parameter: 'INPUT'");
    assertThat(Program.run("dedupe-report", "-", "-").errors().getFirst())
        .isEqualTo("aquifer: - is given more than once: standard input can be read once");
    assertThat(Program.run("dedupe-report", first, "--threads", "0").errors().getFirst())
        .isEqualTo("aquifer: threads 0: expected 1 to 256");
    Path missing = temp.resolve("missing");
    Program.Outcome outcome = Program.run("dedupe-report", first, missing);
    assertThat(outcome.exitCode()).isEqualTo(1);
    assertThat(outcome.errors())
        .containsExactly("aquifer: " + missing + ": no such file or directory");
    assertThat(Program.run("dedupe-report", first, "--svg", missing.resolve("x")).errors())
        .containsExactly("aquifer: " + missing + ": no such directory");
    assertThat(outcome.out()).isEmpty();
  }
}
