package dev.aquifer.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class ScratchTest {
  private final List<String> closed = new ArrayList<>();

  @Test
  void closesTheLastFirstAndDeletesEverything() throws IOException {
    Scratch scratch = Scratch.create("aquifer-test-");
    Path deep = scratch.directory("a/b/c");
    Files.writeString(deep.resolve("file"), "x");
    scratch.add(() -> closed.add("first"));
    scratch.add(
        () -> closed.add(Files.exists(deep) ? "second, before the directory goes" : "second"));
    scratch.close();
    scratch.close();

    assertThat(closed).containsExactly("second, before the directory goes", "first");
    assertThat(deep.getParent().getParent().getParent()).doesNotExist();
  }

  @Test
  void takesNothingAfterwards() throws IOException {
    Scratch scratch = Scratch.create("aquifer-test-");
    scratch.close();
    Closeable late = () -> closed.add("late");

    assertThatThrownBy(() -> scratch.add(late)).hasMessage("interrupted");
    assertThat(closed).containsExactly("late");
  }

  @Test
  void keepsTheDirectoryWhenSomethingCanNotBeClosed() throws IOException {
    Scratch scratch = Scratch.create("aquifer-test-");
    Path directory = scratch.directory("mnt");
    scratch.add(() -> closed.add("first"));
    scratch.add(
        () -> {
          throw new IOException("still mounted");
        });

    assertThatThrownBy(scratch::close).hasMessage("still mounted");
    assertThat(closed).containsExactly("first");
    assertThat(directory).exists();
    scratch.close();
    assertThat(directory).doesNotExist();
  }
}
