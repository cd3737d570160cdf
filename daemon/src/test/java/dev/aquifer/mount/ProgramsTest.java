package dev.aquifer.mount;

import static org.assertj.core.api.Assertions.assertThat;

import dev.aquifer.format.SpanCodec;
import dev.aquifer.testing.Requires;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Real programs run from lazy mounts, and compile in them. */
@Tag("root")
@Tag("slow")
@Timeout(value = 300, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class ProgramsTest {
  private static final Path JDK = Path.of(System.getProperty("java.home"));
  private static final int UNITS = 40;

  @RegisterExtension static final MountRoot ROOT = new MountRoot();

  private Shop shop;

  @BeforeEach
  void open() throws Exception {
    shop = new Shop(ROOT.directory());
  }

  @AfterEach
  void close() throws Exception {
    if (MountTable.read().topAt(ROOT.directory().resolve("over")) != null) {
      Run.ok("umount", ROOT.directory().resolve("over").toString());
    }
    shop.close();
    assertThat(shop.saved()).isEmpty();
  }

  /** Java maps its class library and its virtual machine, and runs from both. */
  @Test
  void javaRunsFromALazyMount() throws Exception {
    Path tree = ROOT.make("jdk");
    Files.createDirectories(tree.resolve("bin"));
    copy(JDK.resolve("bin/java"), tree.resolve("bin/java"));
    copyTree(JDK.resolve("lib"), tree.resolve("lib"));
    copyTree(JDK.resolve("conf"), tree.resolve("conf"));
    Path images = ROOT.directory().resolve("images");
    RawErofs raw = RawErofs.make(tree, images.resolve("jdk"), 65536);
    String url = shop.origin.url() + "/jdk/";
    MountStatus status =
        shop.mounts.mount(
            MountSpec.of(
                url + "bootstrap.erofs",
                shop.target("jdk").toString(),
                "prefetch=0,device=" + url + "blob.img",
                ROOT.directory()));

    String java = status.target().resolve("bin/java").toString();
    String version = Run.ok(java, "-Xshare:auto", "-version");

    assertThat(version).isEqualTo(Run.ok(JDK.resolve("bin/java").toString(), "-version"));
    assertThat(shop.origin.bodyBytes("jdk/blob.img")).isLessThan(Files.size(raw.blob()) / 2);
    Path source =
        Files.writeString(
            ROOT.directory().resolve("Sum.java"),
            "class Sum { public static void main(String[] a) {"
                + " System.out.println(java.util.stream.IntStream.range(0, 1000).sum()); } }");
    Path classes = ROOT.make("classes");
    Run.ok(JDK.resolve("bin/javac").toString(), "-d", classes.toString(), source.toString());
    assertThat(Run.ok(java, "-cp", classes.toString(), "Sum").strip()).isEqualTo("499500");
  }

  private static void copy(Path from, Path to) throws IOException {
    Files.copy(from, to, StandardCopyOption.COPY_ATTRIBUTES);
  }

  private static void copyTree(Path from, Path to) throws IOException {
    try (var paths = Files.walk(from)) {
      for (Path path : (Iterable<Path>) paths::iterator) {
        if (!path.endsWith("src.zip") && !path.endsWith("ct.sym")) {
          copy(path, to.resolve(from.relativize(path).toString()));
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"prefetch=0", "prefetch=default"})
  void aParallelCompileOverALazyMountIsRight(String prefetch) throws Exception {
    Path sources = ROOT.make("sources");
    writeJava(sources);
    Path over = overlay(sources, prefetch);

    compileJava(over, over);
    Path expected = ROOT.make("expected");
    compileJava(sources, expected);

    assertThat(classes(over.resolve("out"))).isEqualTo(classes(expected.resolve("out")));
  }

  @Test
  void aParallelMakeOverALazyMountIsRight() throws Exception {
    Requires.tool("gcc");
    Requires.tool("make");
    Path sources = ROOT.make("sources");
    writeC(sources);
    Path over = overlay(sources, "prefetch=0");

    Run.ok("make", "-s", "-j4", "-C", over.toString());

    Run.ok("make", "-s", "-j4", "-C", sources.toString());
    assertThat(Run.ok(over.resolve("program").toString()))
        .isEqualTo(Run.ok(sources.resolve("program").toString()));
    for (int i = 0; i < UNITS; i++) {
      assertThat(over.resolve("u" + i + ".o"))
          .hasSameBinaryContentAs(sources.resolve("u" + i + ".o"));
    }
  }

  /** A lazy mount of {@code sources} under a directory that can be written to. */
  private Path overlay(Path sources, String options) throws Exception {
    shop.raw("s", sources)
        .toImage(ROOT.directory().resolve("images/sources"), Shop.SPAN_BITS, SpanCodec.ZSTD);
    MountStatus status = shop.mount("sources", "sources", options);
    Path over = ROOT.make("over");
    Run.ok(
        "mount",
        "-t",
        "overlay",
        "none",
        "-o",
        "lowerdir=%s,upperdir=%s,workdir=%s"
            .formatted(status.target(), ROOT.make("upper"), ROOT.make("work")),
        over.toString());
    return over;
  }

  private static void writeJava(Path sources) throws IOException {
    StringBuilder common = new StringBuilder("class Common {\n");
    for (int i = 0; i < 2_000; i++) {
      common.append("  static long f%d(long x) { return x * %dL + 1; }\n".formatted(i, i * 7919L));
    }
    Files.writeString(sources.resolve("Common.java"), common.append("}\n"));
    for (int i = 0; i < UNITS; i++) {
      Files.writeString(
          sources.resolve("U" + i + ".java"),
          "class U%d { long g(long x) { return Common.f%d(x) + Common.f%d(x); } }\n"
              .formatted(i, i, 2 * i));
    }
  }

  /** Four compilers at once, each for a quarter of the classes. */
  private static void compileJava(Path sources, Path to) throws Exception {
    List<Process> compilers = new ArrayList<>();
    for (int part = 0; part < 4; part++) {
      List<String> command =
          new ArrayList<>(
              List.of(
                  JDK.resolve("bin/javac").toString(),
                  "-J-Xmx100m",
                  "-proc:none",
                  "-sourcepath",
                  sources.toString(),
                  "-d",
                  to.resolve("out").resolve("p" + part).toString()));
      for (int i = part; i < UNITS; i += 4) {
        command.add(sources.resolve("U" + i + ".java").toString());
      }
      compilers.add(
          new ProcessBuilder(command)
              .redirectErrorStream(true)
              .redirectOutput(ROOT.directory().resolve("javac" + part).toFile())
              .start());
    }
    for (int part = 0; part < 4; part++) {
      assertThat(compilers.get(part).waitFor(120, TimeUnit.SECONDS)).isTrue();
      assertThat(compilers.get(part).exitValue())
          .as(Files.readString(ROOT.directory().resolve("javac" + part)))
          .isZero();
    }
  }

  private static TreeMap<String, dev.aquifer.io.Sha256> classes(Path directory) throws IOException {
    TreeMap<String, dev.aquifer.io.Sha256> digests = new TreeMap<>();
    try (var paths = Files.walk(directory)) {
      for (Path path : (Iterable<Path>) paths.filter(Files::isRegularFile)::iterator) {
        digests.put(
            directory.relativize(path).toString(),
            dev.aquifer.io.Sha256.hash(Files.readAllBytes(path)));
      }
    }
    assertThat(digests).hasSize(UNITS + 4);
    return digests;
  }

  private static void writeC(Path sources) throws IOException {
    StringBuilder header = new StringBuilder("#pragma once\n");
    StringBuilder main = new StringBuilder("#include \"all.h\"\n#include <stdio.h>\n");
    main.append("int main(void) { long x = 1;\n");
    for (int i = 0; i < UNITS; i++) {
      header.append("long u%d(long x);\n".formatted(i));
      main.append("  x = u%d(x) %% 1000003;\n".formatted(i));
      StringBuilder unit = new StringBuilder("#include \"all.h\"\n");
      for (int f = 0; f < 200; f++) {
        unit.append("static long f%d(long x) { return x * %d + %d; }\n".formatted(f, f + i, f));
      }
      unit.append("long u%d(long x) { return f%d(x) + f%d(x); }\n".formatted(i, i, 2 * i));
      Files.writeString(sources.resolve("u" + i + ".c"), unit);
    }
    Files.writeString(sources.resolve("all.h"), header);
    Files.writeString(
        sources.resolve("main.c"), main.append("  printf(\"%ld\\n\", x); return 0; }\n"));
    Files.writeString(
        sources.resolve("Makefile"),
        "OBJECTS := $(patsubst %.c,%.o,$(wildcard *.c))\n"
            + "CFLAGS := -O1 -w\n"
            + "program: $(OBJECTS)\n\t$(CC) -o $@ $^\n"
            + "$(OBJECTS): all.h\n");
  }
}
