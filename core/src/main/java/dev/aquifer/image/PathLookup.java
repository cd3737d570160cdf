package dev.aquifer.image;

import java.io.IOException;
import java.nio.file.FileSystemLoopException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;

/** Walks one path, as the kernel would with the image's root as the process's root. */
final class PathLookup {
  /** As many as Linux follows. */
  private static final int MAX_LINKS = 40;

  private final Image image;
  private final byte[] path;
  private final Deque<byte[]> names = new ArrayDeque<>();

  /** The directories from the root down to the last name looked up, that name's inode included. */
  private final Deque<Inode> trail = new ArrayDeque<>();

  /** The names of all in the trail but the root. */
  private final Deque<byte[]> taken = new ArrayDeque<>();

  private final boolean followsLast;
  private int links;

  private PathLookup(Image image, byte[] path, boolean followsLast) {
    this.image = image;
    this.path = path;
    this.followsLast = followsLast;
    trail.push(image.root());
    pushNames(path);
  }

  static ResolvedPath resolve(Image image, byte[] path, boolean followsLast) throws IOException {
    PathLookup lookup = new PathLookup(image, path, followsLast);
    while (lookup.goesOn()) {
      lookup.step();
    }
    return new ResolvedPath(
        List.copyOf(lookup.trail).reversed(), List.copyOf(lookup.taken).reversed());
  }

  private boolean goesOn() {
    return !names.isEmpty() || followsLast && trail.getFirst().type() == FileType.SYMBOLIC_LINK;
  }

  private void step() throws IOException {
    Inode here = trail.getFirst();
    if (here.type() == FileType.SYMBOLIC_LINK) {
      follow(here);
      return;
    }
    byte[] name = names.pop();
    if (here.type() != FileType.DIRECTORY) {
      throw new NotDirectoryException(
          "%s: %s: a name before %s is a %s, no directory"
              .formatted(image.name(), shown(), ByteNames.quote(name), here.type()));
    }
    if (isDots(name, 2)) {
      if (trail.size() > 1) {
        trail.pop();
        taken.pop();
      }
    } else if (!isDots(name, 1)) {
      DirEntry entry =
          image
              .directory(here)
              .find(name)
              .orElseThrow(
                  () ->
                      new NoSuchFileException(
                          "%s: %s: there is no %s"
                              .formatted(image.name(), shown(), ByteNames.quote(name))));
      Inode inode = image.inode(entry);
      if (trail.contains(inode)) {
        throw new FileSystemLoopException(
            "%s: %s: the directory %s is inside itself"
                .formatted(image.name(), shown(), ByteNames.quote(name)));
      }
      trail.push(inode);
      taken.push(name);
    }
  }

  private void follow(Inode link) throws IOException {
    if (++links > MAX_LINKS) {
      throw new FileSystemLoopException(
          "%s: %s: more than %d symbolic links on the way"
              .formatted(image.name(), shown(), MAX_LINKS));
    }
    byte[] target = image.readLink(link);
    trail.pop();
    taken.pop();
    if (target[0] == '/') {
      trail.clear();
      taken.clear();
      trail.push(image.root());
    }
    pushNames(target);
  }

  /** Puts the names of {@code text} before those that are left. */
  private void pushNames(byte[] text) {
    List<byte[]> parts = new ArrayList<>();
    int start = 0;
    for (int i = 0; i <= text.length; i++) {
      if (i == text.length || text[i] == '/') {
        if (i > start) {
          parts.add(Arrays.copyOfRange(text, start, i));
        }
        start = i + 1;
      }
    }
    for (byte[] part : parts.reversed()) {
      names.push(part);
    }
  }

  private static boolean isDots(byte[] name, int count) {
    return name.length == count && name[0] == '.' && name[count - 1] == '.';
  }

  private String shown() {
    return ByteNames.quote(path);
  }
}
