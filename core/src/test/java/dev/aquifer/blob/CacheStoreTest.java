package dev.aquifer.blob;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.aquifer.io.Errno;
import dev.aquifer.io.RefusedException;
import dev.aquifer.io.UnsupportedFeatureException;
import dev.aquifer.testing.Requires;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CacheStoreTest {
  @TempDir Path dir;

  @Test
  void isMadeForItsUserAlone() throws Exception {
    Path root = dir.resolve("deep/cache");
    try (CacheStore store = CacheStore.open(root)) {
      assertThat(store.root()).isEqualTo(root.toRealPath());
      assertThat(Files.getPosixFilePermissions(root)).hasSize(3);
    }
    CacheStore.open(root).close();
  }

  @Test
  void isRefusedWhereOthersCanWrite() throws Exception {
    for (String mode : List.of("rwxrwx---", "rwx---rwx", "rwxrwxrwx")) {
      Files.setPosixFilePermissions(dir, PosixFilePermissions.fromString(mode));
      RefusedException e = catchThrowableOfType(RefusedException.class, () -> CacheStore.open(dir));
      assertThat(e.errno()).isEqualTo(Errno.EACCES);
      assertThat(e)
          .hasMessage(
              "cache %s: is writable (%s) for others, who could put false data there: choose another directory, or empty it and chmod 700 it"
                  .formatted(dir.toRealPath(), mode));
      assertThat(Files.list(dir)).isEmpty();
    }
  }

  @Test
  void isClosedToOtherReaders() throws Exception {
    CacheStore.open(dir).close();
    Files.setPosixFilePermissions(dir, PosixFilePermissions.fromString("rwxr-xr-x"));
    CacheStore.open(dir).close();
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(dir)))
        .isEqualTo("rwx------");
  }

  @Test
  void leavesTheModeOfADirectoryAloneThatIsNoCache() throws Exception {
    Files.writeString(dir.resolve("thesis.tex"), "x");
    Files.setPosixFilePermissions(dir, PosixFilePermissions.fromString("rwxr-xr-x"));
    assertThatThrownBy(() -> CacheStore.open(dir)).hasMessageContaining("is no cache");
    assertThat(Files.getPosixFilePermissions(dir)).hasSize(7);
  }

  @Test
  void isRefusedIfItBelongsToSomebodyElse() throws Exception {
    Requires.root();
    Files.setAttribute(dir, "unix:uid", 12_345);
    RefusedException e = catchThrowableOfType(RefusedException.class, () -> CacheStore.open(dir));
    assertThat(e.errno()).isEqualTo(Errno.EACCES);
    assertThat(e)
        .hasMessage(
            "cache %s: belongs to 12345, who could put false data there: choose another directory"
                .formatted(dir.toRealPath()));
  }

  @Test
  void isForOneUserOfThisProcess() throws Exception {
    try (CacheStore store = CacheStore.open(dir)) {
      Path other = Files.createSymbolicLink(dir.resolveSibling(dir.getFileName() + "-link"), dir);
      for (Path path : new Path[] {dir, other}) {
        RefusedException e =
            catchThrowableOfType(RefusedException.class, () -> CacheStore.open(path));
        assertThat(e.errno()).isEqualTo(Errno.EBUSY);
        assertThat(e)
            .hasMessage(
                "cache %s: is in use by this process: stop it, or choose another cache directory"
                    .formatted(store.root()));
      }
      Files.delete(other);
      store.close();
      store.close();
    }
    CacheStore.open(dir).close();
  }

  /** Holds a store until its standard input ends. */
  static final class Holder {
    public static void main(String[] args) throws IOException {
      try (CacheStore store = CacheStore.open(Path.of(args[0]))) {
        System.out.println("open " + store.root());
        while (System.in.read() >= 0) {}
      }
    }
  }

  @Test
  void isForOneProcess() throws Exception {
    Process holder =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin/java").toString(),
                "-XX:+UseSerialGC",
                "-cp",
                System.getProperty("java.class.path"),
                Holder.class.getName(),
                dir.toString())
            .redirectErrorStream(true)
            .start();
    try (BufferedReader output = holder.inputReader()) {
      assertThat(output.readLine()).startsWith("open ");
      RefusedException e = catchThrowableOfType(RefusedException.class, () -> CacheStore.open(dir));
      assertThat(e.errno()).isEqualTo(Errno.EBUSY);
      assertThat(e.getMessage())
          .matches(
              "cache .*: is in use by process %d since 2\\S+Z: stop it, or choose another cache directory"
                  .formatted(holder.pid()));
    } finally {
      // A kill, as the worst end: the lock goes with the process.
      holder.destroyForcibly().waitFor();
    }
    CacheStore.open(dir).close();
  }

  @Test
  void emptiesItsTemporaryDirectory() throws Exception {
    Path temp;
    try (CacheStore store = CacheStore.open(dir)) {
      temp = Files.writeString(store.newTemp(), "half");
      assertThat(store.newTemp()).isNotEqualTo(temp);
    }
    assertThat(temp).exists();
    try (CacheStore store = CacheStore.open(dir)) {
      assertThat(temp).doesNotExist();
    }
  }

  @Test
  void refusesADirectoryThatHoldsSomethingElse() throws Exception {
    Path file = Files.writeString(dir.resolve("thesis.tex"), "x");
    Path temp = Files.createDirectory(dir.resolve("tmp"));
    Files.writeString(temp.resolve("mine"), "x");
    RefusedException e = catchThrowableOfType(RefusedException.class, () -> CacheStore.open(dir));
    assertThat(e.errno()).isEqualTo(Errno.EEXIST);
    assertThat(e)
        .hasMessage(
            "cache %s: holds thesis.tex and is no cache: choose an empty directory"
                .formatted(dir.toRealPath()));
    assertThat(temp.resolve("mine")).exists();
    Files.delete(file);
    Files.delete(temp.resolve("mine"));
    CacheStore.open(dir).close();
  }

  @Test
  void refusesAnotherFormat() throws Exception {
    CacheStore.open(dir).close();
    Files.writeString(dir.resolve("format"), "aquifer cache 2\n");
    assertThatThrownBy(() -> CacheStore.open(dir))
        .isInstanceOf(UnsupportedFeatureException.class)
        .hasMessage(
            "cache %s: has format 'aquifer cache 2': expected 'aquifer cache 1': choose another cache directory"
                .formatted(dir.toRealPath()));
  }

  @Test
  void refusesWhatIsNoDirectory() throws Exception {
    Path file = Files.writeString(dir.resolve("file"), "x");
    assertThatThrownBy(() -> CacheStore.open(file)).hasMessage(file + ": is there already");
    assertThatThrownBy(() -> CacheStore.open(Path.of("/proc/aquifer")))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith("/proc/aquifer: ");
  }
}
