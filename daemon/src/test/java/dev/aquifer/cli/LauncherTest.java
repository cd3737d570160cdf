package dev.aquifer.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * With what the shell script {@code aquifer} starts Java, in a checkout and with a JDK of paper.
 */
class LauncherTest {
  private static final String C1_ALONE = "-XX:TieredStopAtLevel=1";
  private static final String DIRECTIVES = "-XX:CompilerDirectivesFile=";

  @TempDir Path temp;
  private Path home;
  private Path script;
  private Path target;

  @BeforeEach
  void make() throws IOException {
    home = temp.resolve("home");
    script = Program.script(home);
    target = home.resolve("daemon/target");
    for (String cache : new String[] {"aquifer", "aquifer-extract", "aquifer-daemon"}) {
      Files.createFile(target.resolve(cache + ".aot"));
    }
    Path java = Files.createDirectories(temp.resolve("jdk/bin")).resolve("java");
    Files.writeString(temp.resolve("jdk/release"), "JAVA_VERSION=\"25.0.1\"\n");
    Files.writeString(java, "#!/bin/sh\nprintf '%s\\n' \"$LC_ALL\" \"$@\"\n");
    assertThat(java.toFile().setExecutable(true)).isTrue();
    Files.createDirectories(temp.resolve("a tree"));
    Files.createDirectories(temp.resolve("layout"));
    Files.createFile(temp.resolve("layout/oci-layout"));
    Files.createFile(temp.resolve("image"));
  }

  /** The locale that Java is started with, then its arguments. */
  private List<String> start(String... arguments) throws Exception {
    List<String> command = new ArrayList<>();
    command.add(script.toString());
    command.addAll(List.of(arguments));
    ProcessBuilder builder = new ProcessBuilder(command).directory(temp.toFile());
    builder.environment().put("AQUIFER_JAVA_HOME", temp.resolve("jdk").toString());
    builder.environment().remove("AQUIFER_JAVA_OPTS");
    builder.environment().put("LC_ALL", "C");
    Process process = builder.redirectError(ProcessBuilder.Redirect.INHERIT).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
    assertThat(process.exitValue()).isZero();
    return output.lines().toList();
  }

  /** The words of {@code line}, with a tree whose name has a space for TREE. */
  private List<String> startLine(String line) throws Exception {
    return start(
        List.of(line.split(" ")).stream()
            .map(word -> word.equals("TREE") ? "a tree" : word)
            .toArray(String[]::new));
  }

  private String cache(String name) {
    return "-XX:AOTCache=" + target.resolve(name + ".aot");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "ls image",
        "find image",
        "build TREE --single -o out",
        "build -zlz4 TREE -o out",
        "build TREE -z zstd,level=3 -C65536 -o out",
        "extract image out"
      })
  void whereNoDigestIsCheckedC1AloneCompiles(String line) throws Exception {
    assertThat(startLine(line))
        .contains(C1_ALONE)
        .noneMatch(argument -> argument.startsWith(DIRECTIVES));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "build TREE -o out",
        "build TREE -o out --reuse layout",
        "build TREE -zlzma -o out",
        "build TREE -zlz4hc -o out",
        "build TREE -zlz4 -Efragments -o out",
        "build TREE -zlz4 -Ededupe -o out",
        "build TREE --chunksize 4096 -o out",
        "build TREE --single --inode-digest -o out",
        "build layout --single -o out",
        "build image --single -o out",
        "build a.tar --file-contexts TREE --single -o out",
        "build - -zlz4 -o out",
        "build image --ungzip --file-contexts TREE --single -o out",
        "build image --unxz=plain --file-contexts TREE --single -o out",
        "extract http://127.0.0.1/image out",
        "verify image"
      })
  void elsewhereC2CompilesDigestsAndCodecs(String line) throws Exception {
    assertThat(startLine(line))
        .contains(DIRECTIVES + home.resolve("bin/jit.json"))
        .doesNotContain(C1_ALONE);
  }

  @Test
  void theDaemonHasAllOfC2() throws Exception {
    assertThat(start("daemon"))
        .contains(cache("aquifer-daemon"))
        .doesNotContain(C1_ALONE)
        .noneMatch(argument -> argument.startsWith(DIRECTIVES));
  }

  @Test
  void theCacheOfExtractIsWithoutTheParserOfOptions() throws Exception {
    assertThat(start("extract", "image", "out")).contains(cache("aquifer-extract"));
    assertThat(start("extract", "image", "out", "--force")).contains(cache("aquifer"));
    Files.delete(target.resolve("aquifer-extract.aot"));
    assertThat(start("extract", "image", "out")).contains(cache("aquifer"));
    Files.delete(target.resolve("aquifer.aot"));
    assertThat(start("extract", "image", "out")).noneMatch(word -> word.startsWith("-XX:AOTCache"));
  }

  @Test
  void argumentsArriveAsTheyWere() throws Exception {
    List<String> words = start("build", "a tree", "", "*", "$HOME", "-o", "x\\y");
    assertThat(words).endsWith("build", "a tree", "", "*", "$HOME", "-o", "x\\y");
    assertThat(words).contains("-jar", target.resolve("aquifer-daemon-test.jar").toString());
  }

  @Test
  void namesThatAreNotAsciiCanBeUsedInTheLocaleC() throws Exception {
    assertThat(start("ls", "image").getFirst()).isEqualTo("C.UTF-8");
  }

  @Test
  void throughALinkItIsTheHelperOfMount() throws Exception {
    Path link = temp.resolve("mount.aquifer");
    Files.createSymbolicLink(link, script);
    ProcessBuilder builder = new ProcessBuilder(link.toString(), "ref", "/mnt");
    builder.environment().put("AQUIFER_JAVA_HOME", temp.resolve("jdk").toString());
    Process process = builder.start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(output).endsWith("\nmount.aquifer\nref\n/mnt\n");
    assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
  }
}
