package dev.aquifer;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.classfile.ClassFile;
import java.lang.classfile.constantpool.PoolEntry;
import java.lang.classfile.constantpool.Utf8Entry;
import java.lang.constant.ClassDesc;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * Holds the packages of both modules to the table in docs/ARCHITECTURE.md.
 *
 * <p>Class files show every use, also one without an import; sources show imports that leave no
 * trace in a class file, such as of an inlined constant or for a Javadoc link.
 */
class ImportTableTest {
  private static final Path ROOT =
      Path.of(System.getProperty("basedir", ".")).toAbsolutePath().normalize().getParent();
  private static final Pattern OUR_CLASS = Pattern.compile("dev/aquifer/([a-z0-9_]+)/");
  private static final Pattern OUR_IMPORT =
      Pattern.compile("^import (?:static )?dev\\.aquifer\\.([a-z0-9_]+)\\.", Pattern.MULTILINE);

  @Test
  void packagesImportOnlyWhatTheTableAllows() throws IOException {
    Map<String, Set<String>> table =
        readTable(Files.readString(ROOT.resolve("docs/ARCHITECTURE.md")));
    List<String> wrong = new ArrayList<>();
    Set<String> seen = new TreeSet<>();
    for (String module : List.of("core", "daemon")) {
      Path classes = ROOT.resolve(module).resolve("target/classes/dev/aquifer");
      for (Path file : filesBelow(classes, ".class")) {
        String from = classes.relativize(file).getName(0).toString();
        seen.add(from);
        wrong.addAll(wrongArrows(table, from, usedBy(Files.readAllBytes(file)), file));
      }
      Path sources = ROOT.resolve(module).resolve("src/main/java/dev/aquifer");
      for (Path file : filesBelow(sources, ".java")) {
        String from = sources.relativize(file).getName(0).toString();
        wrong.addAll(wrongArrows(table, from, importedBy(Files.readString(file)), file));
      }
    }
    assertThat(wrong).isEmpty();
    assertThat(seen).as("packages with classes, and rows of the table").isEqualTo(table.keySet());
  }

  @Test
  void tableHasNoCircle() throws IOException {
    Map<String, Set<String>> table =
        readTable(Files.readString(ROOT.resolve("docs/ARCHITECTURE.md")));
    Set<String> above = new TreeSet<>();
    table.forEach(
        (from, allowed) -> {
          assertThat(above).as("rows above " + from).containsAll(allowed);
          above.add(from);
        });
  }

  @Test
  void wrongArrowInAClassFileIsFound() {
    byte[] classFile =
        ClassFile.of()
            .build(
                ClassDesc.of("dev.aquifer.image.Wrong"),
                builder ->
                    builder
                        .withField("a", ClassDesc.of("dev.aquifer.io.Fine"), 0)
                        .withField("b", ClassDesc.of("dev.aquifer.blob.Forbidden"), 0));

    Set<String> used = usedBy(classFile);

    assertThat(used).containsExactly("blob", "image", "io");
    assertThat(wrongArrows(Map.of("image", Set.of("io")), "image", used, Path.of("Wrong.class")))
        .containsExactly("image -> blob in Wrong.class");
  }

  @Test
  void wrongArrowInASourceIsFound() {
    Set<String> imported =
        importedBy("package dev.aquifer.image;\n\nimport static dev.aquifer.blob.Spans.SIZE;\n");

    assertThat(wrongArrows(Map.of("image", Set.of("io")), "image", imported, Path.of("W.java")))
        .containsExactly("image -> blob in W.java");
  }

  @Test
  void packageOutsideTheTableIsFound() {
    assertThat(wrongArrows(Map.of("io", Set.of()), "util", Set.of("util"), Path.of("X.class")))
        .containsExactly("util is not in the table: X.class");
  }

  /** The rows below the heading {@code | package | may import |}, in their order. */
  private static Map<String, Set<String>> readTable(String markdown) {
    Map<String, Set<String>> table = new LinkedHashMap<>();
    boolean inside = false;
    for (String line : markdown.lines().toList()) {
      if (line.startsWith("| package | may import |")) {
        inside = true;
      } else if (inside && !line.startsWith("|")) {
        break;
      } else if (inside && !line.startsWith("|--") && !line.startsWith("| --")) {
        String[] cells = line.split("\\|");
        table.put(cells[1].strip(), packagesIn(cells[2]));
      }
    }
    assertThat(table).as("table of docs/ARCHITECTURE.md").hasSizeGreaterThan(5);
    return table;
  }

  private static Set<String> packagesIn(String cell) {
    if (cell.strip().equals("nothing of ours")) {
      return Set.of();
    }
    return Arrays.stream(cell.split(",")).map(String::strip).collect(Collectors.toSet());
  }

  private static Set<String> usedBy(byte[] classFile) {
    Set<String> used = new TreeSet<>();
    for (PoolEntry entry : ClassFile.of().parse(classFile).constantPool()) {
      if (entry instanceof Utf8Entry text) {
        addAll(used, OUR_CLASS.matcher(text.stringValue()));
      }
    }
    return used;
  }

  private static Set<String> importedBy(String source) {
    Set<String> imported = new TreeSet<>();
    addAll(imported, OUR_IMPORT.matcher(source));
    return imported;
  }

  private static void addAll(Set<String> packages, Matcher matcher) {
    while (matcher.find()) {
      packages.add(matcher.group(1));
    }
  }

  private static List<String> wrongArrows(
      Map<String, Set<String>> table, String from, Set<String> used, Path file) {
    Set<String> allowed = table.get(from);
    if (allowed == null) {
      return List.of(from + " is not in the table: " + file);
    }
    return used.stream()
        .filter(to -> !to.equals(from) && !allowed.contains(to))
        .map(to -> from + " -> " + to + " in " + file)
        .toList();
  }

  private static List<Path> filesBelow(Path directory, String ending) throws IOException {
    try (Stream<Path> files = Files.walk(directory)) {
      return files.filter(file -> file.toString().endsWith(ending)).toList();
    }
  }
}
