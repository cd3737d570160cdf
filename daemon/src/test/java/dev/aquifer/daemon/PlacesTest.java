package dev.aquifer.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PlacesTest {
  private static final Path HOME = Path.of("/home/me");

  @TempDir Path scratch;

  @Test
  void rootHasTheSystemsDirectories() {
    Places places = Places.of(null, null, Map.of("XDG_RUNTIME_DIR", "/run/user/0"), true, HOME);

    assertThat(places.socket()).isEqualTo(Path.of("/run/aquifer/aquifer.sock"));
    assertThat(places.log()).isEqualTo(Path.of("/run/aquifer/aquifer.log"));
    assertThat(places.cacheDir()).isEqualTo(Path.of("/var/cache/aquifer"));
  }

  @Test
  void othersHaveTheirOwn() {
    Map<String, String> session =
        Map.of("XDG_RUNTIME_DIR", "/run/user/7", "XDG_CACHE_HOME", "/fast");

    assertThat(Places.of(null, null, session, false, HOME))
        .isEqualTo(new Places(Path.of("/run/user/7/aquifer"), Path.of("/fast/aquifer")));
    assertThat(Places.of(null, null, Map.of(), false, HOME))
        .isEqualTo(
            new Places(HOME.resolve(".local/state/aquifer"), HOME.resolve(".cache/aquifer")));
  }

  @Test
  void theCommandLineComesBeforeTheEnvironment() {
    Map<String, String> environment =
        Map.of("AQUIFER_RUN_DIR", "/env/run", "AQUIFER_CACHE_DIR", "/env/cache");

    assertThat(Places.of(Path.of("/asked"), null, environment, true, HOME))
        .isEqualTo(new Places(Path.of("/asked"), Path.of("/env/cache")));
    assertThat(Places.of(Path.of("sub/../run"), null, environment, true, HOME).runDir())
        .isEqualTo(Path.of("run").toAbsolutePath());
  }

  @Test
  void makesTheRunDirectoryForItsOwnerAlone() throws IOException {
    Places places = new Places(scratch.resolve("a/run"), scratch.resolve("cache"));
    places.makeRunDir();
    places.makeRunDir();

    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(places.runDir())))
        .isEqualTo("rwx------");
    assertThat(places.cacheDir()).doesNotExist();
  }

  @Test
  void refusesARunDirectoryThatOthersCanWriteTo() throws IOException {
    Path open = Files.createDirectory(scratch.resolve("open"));
    Files.setPosixFilePermissions(open, PosixFilePermissions.fromString("rwxrwxrwx"));

    assertThatThrownBy(() -> new Places(open, scratch).makeRunDir())
        .hasMessageContaining(open + ": others can write here");
  }

  @Test
  void refusesASocketPathThatIsTooLong() {
    Places places = new Places(scratch.resolve("x".repeat(100)), scratch);

    assertThatThrownBy(places::makeRunDir)
        .hasMessageContaining("at most 107 bytes")
        .hasMessageContaining("choose a shorter --run-dir");
    assertThat(places.runDir()).doesNotExist();
  }
}
