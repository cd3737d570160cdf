package dev.aquifer.nio;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.aquifer.build.MemoryTree;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.nio.file.PathMatcher;
import java.nio.file.ProviderMismatchException;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.Supplier;
import java.util.regex.PatternSyntaxException;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Paths and matchers, against those of the JDK on Linux. */
class ErofsPathTest {
  private static final FileSystem DEFAULT = FileSystems.getDefault();
  private static final List<String> PARTS =
      List.of("a", "b", "ab", ".", "..", "", "/", "/", "//", "é", ".hidden", "a b");

  private static FileSystem image;

  @BeforeAll
  static void open(@TempDir Path temp) throws IOException {
    MemoryTree tree = new MemoryTree();
    tree.file("caf\u00e9", new byte[0]);
    tree.file("\u00ff\u00fe", new byte[0]);
    tree.file("\u00c3\u00a9", new byte[0]);
    tree.file("50% off! #1?", new byte[0]);
    image = TestFileSystems.fileSystem(tree, temp.resolve("image"));
  }

  @AfterAll
  static void close() throws IOException {
    image.close();
  }

  private static String randomPath(Random random) {
    StringBuilder text = new StringBuilder();
    int count = random.nextInt(6);
    for (int i = 0; i < count; i++) {
      text.append(PARTS.get(random.nextInt(PARTS.size()))).append(random.nextInt(3) > 0 ? "/" : "");
    }
    return text.toString();
  }

  /** What a call gives, as text, be it a failure. */
  private static String shown(Supplier<?> call) {
    try {
      Object value = call.get();
      return value == null ? "null" : value.toString();
    } catch (RuntimeException e) {
      return e.getClass().getSimpleName();
    }
  }

  private static List<String> facts(FileSystem fileSystem, String text, String otherText) {
    Path path = fileSystem.getPath(text);
    Path other = fileSystem.getPath(otherText);
    List<String> facts = new ArrayList<>();
    facts.add(path.toString());
    facts.add("absolute " + path.isAbsolute());
    facts.add("root " + path.getRoot());
    facts.add("name " + path.getFileName());
    facts.add("parent " + path.getParent());
    facts.add("names " + path.getNameCount());
    path.forEach(name -> facts.add("name " + name));
    facts.add("sub " + shown(() -> path.subpath(0, 2)));
    facts.add("sub " + shown(() -> path.subpath(1, 2)));
    facts.add("name -1 " + shown(() -> path.getName(-1)));
    facts.add("normal " + path.normalize());
    facts.add("starts " + path.startsWith(other) + other.startsWith(path));
    facts.add("starts " + path.startsWith(otherText));
    facts.add("ends " + path.endsWith(other) + other.endsWith(path));
    facts.add("resolved " + path.resolve(other));
    facts.add("sibling " + path.resolveSibling(other));
    facts.add("relative " + shown(() -> path.relativize(other)));
    facts.add("equal " + path.equals(other));
    facts.add("order " + Integer.signum(path.compareTo(other)));
    facts.add("joined " + fileSystem.getPath(text, otherText, "", "x"));
    return facts;
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4})
  void areAsThoseOfTheJdk(long seed) {
    Random random = new Random(seed);
    for (int i = 0; i < 3_000; i++) {
      String text = randomPath(random);
      String other = randomPath(random);
      assertThat(facts(image, text, other))
          .as("seed %d: '%s' and '%s'", seed, text, other)
          .isEqualTo(facts(DEFAULT, text, other));
    }
  }

  @Test
  void resolvedWayLeadsBack() {
    Path base = image.getPath("/a/b");
    for (String text : List.of("/a/b", "/a", "/", "/a/b/c/d", "/x/y", "/a/c")) {
      Path to = image.getPath(text);
      assertThat(base.resolve(base.relativize(to)).normalize()).isEqualTo(to);
    }
  }

  @Test
  void relativePathsBeginAtTheRoot() {
    assertThat(image.getPath("a/b").toAbsolutePath()).hasToString("/a/b");
    assertThat(image.getPath("").toAbsolutePath()).hasToString("/");
    assertThat(image.getPath("/a").toAbsolutePath()).hasToString("/a");
  }

  @Test
  void everyNameSurvivesAsTextAndAsUri() throws IOException {
    List<Path> entries;
    try (Stream<Path> list = Files.list(image.getPath("/"))) {
      entries = list.toList();
    }
    assertThat(entries)
        .extracting(Path::toString)
        .containsExactly("/50% off! #1?", "/caf\udce9", "/é", "/\udcff\udcfe");
    for (Path entry : entries) {
      assertThat(image.getPath(entry.toString())).isEqualTo(entry).exists();
      assertThat(image.getPath(entry.getFileName().toString())).exists();
      assertThat(FileSystemUri.pathOf(entry.toUri()))
          .isEqualTo(((ErofsPath) entry).bytesWithoutCopy());
      assertThat(URI.create(entry.toUri().toString())).isEqualTo(entry.toUri());
    }
    assertThat(entries.getFirst().toUri().toString()).endsWith("/image!/50%25%20off%21%20%231%3F");
    assertThat(entries.get(1).toUri().toString()).endsWith("/image!/caf%E9");
  }

  @Test
  void urisOfPeopleHaveCharactersUnescaped() {
    URI uri = URI.create("erofs:file:///image!/\u00e9 \ud83d\ude00".replace(" ", "%20"));
    assertThat(FileSystemUri.pathOf(uri))
        .isEqualTo("/\u00e9 \ud83d\ude00".getBytes(StandardCharsets.UTF_8));
  }

  @Test
  void caseMatters() {
    assertThat(image.getPath("/A")).isNotEqualTo(image.getPath("/a"));
    assertThat(image.getPath("/É")).doesNotExist();
    assertThat(image.getPath("/e\u0301")).doesNotExist();
  }

  @Test
  void refusesWhatNoNameCanBe() {
    assertThatThrownBy(() -> image.getPath("a\0b")).isInstanceOf(InvalidPathException.class);
    assertThatThrownBy(() -> image.getPath("a\ud800b")).isInstanceOf(InvalidPathException.class);
    assertThatThrownBy(() -> image.getPath("/").resolve(Path.of("x")))
        .isInstanceOf(ProviderMismatchException.class);
    assertThatThrownBy(() -> image.getPath("/").toFile())
        .isInstanceOf(UnsupportedOperationException.class);
    assertThat(image.getPath("/").startsWith(Path.of("/"))).isFalse();
    assertThat(image.getPath("/").equals(Path.of("/"))).isFalse();
  }

  @ParameterizedTest
  @CsvSource({
    "erofs:file:///x/img!/a%20b/c, file:///x/img, /a b/c",
    "erofs:http://h/app/!/, http://h/app, /",
    "EROFS:https://h/app?token=1!/a, https://h/app?token=1, /a",
    "erofs:http://h/a!/b!/c, http://h/a!/b, /c"
  })
  void urisNameImageAndPath(String uri, String reference, String path) {
    assertThat(FileSystemUri.of(URI.create(uri)).reference()).isEqualTo(reference);
    assertThat(new String(FileSystemUri.pathOf(URI.create(uri)), StandardCharsets.UTF_8))
        .isEqualTo(path);
  }

  @ParameterizedTest
  @ValueSource(strings = {"file:///x", "erofs:/x", "erofs:ftp://h/x", "erofs:x", "erofs:///x"})
  void otherUrisAreRefused(String uri) {
    assertThatThrownBy(() -> FileSystemUri.of(URI.create(uri)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("'" + uri + "': expected ");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "glob:*",
        "glob:**",
        "glob:*.java",
        "glob:**.java",
        "glob:**/*.java",
        "glob:/a/*",
        "glob:*.{java,class}",
        "glob:{a,b}*",
        "glob:a?",
        "glob:??",
        "glob:[abc]*",
        "glob:[!a]*",
        "glob:[a-c]?",
        "glob:[-a]",
        "glob:[!-a]",
        "glob:[a-]",
        "glob:[\\]a]",
        "glob:[&^]",
        "glob:[[]",
        "glob:[*?\\\\]",
        "glob:\\*",
        "glob:a.b",
        "glob:a+(b)$^|",
        "glob:é",
        "glob:{}",
        "glob:{a,}",
        "glob:}",
        "glob:a,b",
        "glob:",
        "glob:{a",
        "glob:{a,{b}}",
        "glob:[a",
        "glob:[b-a]",
        "glob:[/]",
        "glob:\\",
        "GLOB:a*",
        "regex:[a-c]+",
        "regex:.*/b",
        "regex:(",
        "other:x",
        "a",
        ":a"
      })
  void matchersAreAsThoseOfTheJdk(String pattern) {
    List<String> paths =
        List.of(
            "",
            "a",
            "b",
            "ab",
            "c",
            "-",
            "&",
            "^",
            "[",
            "]",
            "*",
            "?",
            "\\",
            ".",
            "..",
            "é",
            "}",
            "a.java",
            "x/a.java",
            "/a/b",
            "/a/b/c",
            "a.b",
            "axb",
            "a+(b)$^|",
            "a,b",
            "x.class",
            "/",
            "B");
    PathMatcher expected;
    try {
      expected = DEFAULT.getPathMatcher(pattern);
    } catch (IllegalArgumentException | UnsupportedOperationException e) {
      assertThatThrownBy(() -> image.getPathMatcher(pattern)).isInstanceOf(e.getClass());
      assertThat(e).isNotInstanceOf(NullPointerException.class);
      return;
    }
    PathMatcher matcher = image.getPathMatcher(pattern);
    for (String path : paths) {
      assertThat(matcher.matches(image.getPath(path)))
          .as("%s matches '%s'", pattern, path)
          .isEqualTo(expected.matches(DEFAULT.getPath(path)));
    }
  }

  /** The JDK's stops at the end of a line. */
  @Test
  void starsMatchAnyCharacter() {
    assertThat(image.getPathMatcher("glob:**").matches(image.getPath("a\nb/c"))).isTrue();
    assertThat(image.getPathMatcher("glob:a*b").matches(image.getPath("a\nb"))).isTrue();
    assertThat(image.getPathMatcher("glob:\udcff*").matches(image.getPath("\udcffa"))).isTrue();
  }

  @Test
  void malformedGlobsSayWhatIsWrong() {
    assertThatThrownBy(() -> image.getPathMatcher("glob:{a"))
        .isInstanceOf(PatternSyntaxException.class)
        .hasMessageContaining("a '}' is missing");
  }
}
