package dev.aquifer.build;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Objects;

/** Gives an image its name, when it is whole; and the files that belong to it theirs before. */
interface Commit {
  /** Makes the image last. */
  void commit() throws IOException;

  /**
   * Gives {@code files} their names in turn and then the image its own. If one can't have it, none
   * has: what was replaced is back.
   */
  static void together(List<NewFile> files, Commit image) throws IOException {
    // What takes long, or finds a disk full, comes before the first of them has its name.
    for (NewFile file : files) {
      file.file().sync();
    }
    Deque<NewFile> done = new ArrayDeque<>();
    try {
      for (NewFile file : files) {
        file.keepReplaced();
        file.commit();
        done.push(file);
      }
      image.commit();
    } catch (IOException | RuntimeException | Error e) {
      for (NewFile file : done) {
        try {
          file.retract();
        } catch (IOException f) {
          e.addSuppressed(f);
        }
      }
      throw e;
    }
  }

  /**
   * Checks that two files have places of their own, also where links lead to one in two ways.
   *
   * @param what what is at {@code path}, such as {@code the image}
   * @throws IllegalArgumentException if one is the other, or inside of it
   */
  static void checkApart(String what, Path path, String other, Path otherPath) throws IOException {
    Path first = real(path);
    Path second = real(otherPath);
    boolean isOneFile =
        Files.exists(path) && Files.exists(otherPath) && Files.isSameFile(path, otherPath);
    if (isOneFile || first.startsWith(second) || second.startsWith(first)) {
      throw new IllegalArgumentException(
          "%s: can't be %s and %s: expected two names".formatted(path, what, other));
    }
  }

  /** Where {@code path} is, links on the way followed, but not one at its end. */
  static Path real(Path path) throws IOException {
    Path absolute = path.toAbsolutePath().normalize();
    Path parent = absolute.getParent();
    return parent != null && Files.exists(parent)
        ? parent.toRealPath().resolve(Objects.requireNonNull(absolute.getFileName()))
        : absolute;
  }
}
