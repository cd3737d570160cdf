package dev.aquifer.nio;

import static org.assertj.core.api.Assertions.assertThat;

import dev.aquifer.build.ImageBuilder;
import dev.aquifer.build.MemoryTree;
import dev.aquifer.image.GoldenFiles;
import dev.aquifer.image.Image;
import dev.aquifer.testing.FaultyOrigin;
import java.io.IOException;
import java.io.StringWriter;
import java.net.URISyntaxException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.tools.JavaCompiler;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/** Compiles and runs every Java example in the Javadoc and the README, with places of its own. */
class LibraryExamplesTest {
  private static final Path SOURCES =
      Path.of(System.getProperty("basedir", ".")).resolve("src/main/java");
  private static final Pattern EXAMPLE =
      Pattern.compile("<pre>\\{@code\\n(.*?)\\n *\\* }</pre>", Pattern.DOTALL);
  private static final Path README =
      Path.of(System.getProperty("basedir", ".")).resolve("../README.md");
  private static final Pattern README_EXAMPLE =
      Pattern.compile("^```java\\n(.*?)^```", Pattern.DOTALL | Pattern.MULTILINE);
  private static final String IMPORTS =
      Stream.of(
              "java.net",
              "java.nio.charset",
              "java.nio.file",
              "java.time",
              "java.util",
              "java.util.stream",
              "dev.aquifer.codec",
              "dev.aquifer.io",
              "dev.aquifer.image",
              "dev.aquifer.build",
              "dev.aquifer.input",
              "dev.aquifer.blob",
              "dev.aquifer.nio")
          .map(name -> "import " + name + ".*;\n")
          .collect(Collectors.joining());

  @TempDir Path temp;
  private FaultyOrigin origin;
  private Map<String, String> places;

  @BeforeEach
  void makePlaces() throws IOException {
    Path images = Files.createDirectory(temp.resolve("images"));
    MemoryTree tree = new MemoryTree();
    tree.directory("etc");
    tree.file("etc/os-release", MemoryTree.bytes("NAME=Aquifer\n")).xattr("user.a", "b");
    var built = ImageBuilder.defaults().buildLayout(tree, images.resolve("app"));
    // With small files a bootstrap is all there is.
    Files.copy(
        images.resolve("app/blobs/sha256").resolve(built.bootstrapDigest().hex()),
        images.resolve("plain.erofs"));
    GoldenFiles golden = GoldenFiles.write("73-chunk-blobdev", temp);
    Files.move(golden.file(), images.resolve("boot.erofs"));
    Files.move(golden.devices().getFirst(), images.resolve("blob1.img"));
    origin = FaultyOrigin.serve(images);
    places =
        Map.of(
            "http://127.0.0.1:8080/", origin.url() + "/",
            "\"images/", "\"" + images + "/",
            "/var/tmp/cache", temp.resolve("cache").toString(),
            "\"/data\"", "\"/dense\"",
            "Path.of(\"data\")", "Path.of(\"" + temp.resolve("data") + "\")");
  }

  @AfterEach
  void close() throws IOException {
    origin.close();
  }

  private record Example(String where, String code) {}

  private static List<Example> examples() throws IOException {
    List<Example> examples = new ArrayList<>();
    try (Stream<Path> files = Files.walk(SOURCES)) {
      for (Path file : files.filter(path -> path.toString().endsWith(".java")).sorted().toList()) {
        Matcher matcher = EXAMPLE.matcher(Files.readString(file));
        for (int i = 1; matcher.find(); i++) {
          String code =
              matcher
                  .group(1)
                  .lines()
                  .map(line -> line.replaceFirst("^ *\\* ?", ""))
                  .collect(Collectors.joining("\n"));
          examples.add(new Example(file.getFileName() + " " + i, code));
        }
      }
    }
    Matcher matcher = README_EXAMPLE.matcher(Files.readString(README));
    for (int i = 1; matcher.find(); i++) {
      examples.add(new Example("README " + i, matcher.group(1)));
    }
    return examples;
  }

  @TestFactory
  List<DynamicTest> work() throws IOException {
    List<Example> examples = examples();
    assertThat(examples).hasSizeGreaterThanOrEqualTo(10);
    return examples.stream()
        .map(example -> DynamicTest.dynamicTest(example.where, () -> run(example)))
        .toList();
  }

  private void run(Example example) throws Exception {
    String code = example.code;
    for (Map.Entry<String, String> place : places.entrySet()) {
      code = code.replace(place.getKey(), place.getValue());
    }
    Path directory = Files.createTempDirectory(temp, "example-");
    Path source = directory.resolve("Example.java");
    Files.writeString(
        source,
        IMPORTS
            + "public class Example { public static void run() throws Exception {\n"
            + code
            + "\n} }\n");
    compile(source, directory);
    try (URLClassLoader loader = new URLClassLoader(new URL[] {directory.toUri().toURL()})) {
      loader.loadClass("Example").getMethod("run").invoke(null);
    }
  }

  private static void compile(Path source, Path directory) throws IOException, URISyntaxException {
    JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
    Path classes = Path.of(Image.class.getProtectionDomain().getCodeSource().getLocation().toURI());
    StringWriter messages = new StringWriter();
    try (StandardJavaFileManager files = compiler.getStandardFileManager(null, null, null)) {
      boolean isCompiled =
          compiler
              .getTask(
                  messages,
                  files,
                  null,
                  List.of("-proc:none", "-cp", classes.toString(), "-d", directory.toString()),
                  null,
                  files.getJavaFileObjects(source))
              .call();
      assertThat(isCompiled).as(messages.toString()).isTrue();
    }
  }
}
