package dev.aquifer.build;

import dev.aquifer.io.Errno;
import dev.aquifer.io.RefusedException;
import java.io.IOException;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.HexFormat;
import java.util.concurrent.ThreadLocalRandom;

/**
 * A file that is being written under a hidden name beside its final one, which it takes when it is
 * whole. If it never is, closing leaves nothing of it. Used by one thread.
 */
final class NewFile implements ImageTarget {
  /** Up to 4 bytes each; names have up to 255. */
  private static final int MAX_START = 40;

  private final Path output;
  private final boolean force;
  private final Path temporary;
  private final OutputFile file;

  private NewFile(Path output, boolean force, Path temporary, OutputFile file) {
    this.output = output;
    this.force = force;
    this.temporary = temporary;
    this.file = file;
  }

  /**
   * Makes the hidden file.
   *
   * @param force whether a regular file at {@code output} may be replaced
   * @param doing what the hidden name says is going on, such as {@code building}
   * @throws RefusedException EEXIST, if there is something at {@code output}
   */
  static NewFile create(Path output, boolean force, String doing) throws IOException {
    Path absolute = output.toAbsolutePath().normalize();
    Path name = absolute.getFileName();
    if (name == null) {
      throw new RefusedException(
          Errno.EEXIST, output + ": is the root directory: expected a new file's name");
    }
    if (Files.exists(absolute, LinkOption.NOFOLLOW_LINKS)) {
      if (!force) {
        throw exists(output);
      }
      if (!Files.isRegularFile(absolute, LinkOption.NOFOLLOW_LINKS)) {
        throw new RefusedException(
            Errno.EEXIST, output + ": is no regular file, so it is not replaced");
      }
    }
    checkName(output, absolute);
    String random = HexFormat.of().toHexDigits(ThreadLocalRandom.current().nextLong());
    Path temporary =
        absolute.resolveSibling("." + start(name.toString()) + "." + doing + "-" + random);
    try {
      return new NewFile(absolute, force, temporary, OutputFile.create(temporary));
    } catch (IOException e) {
      // The hidden name would only puzzle.
      throw e.getCause() instanceof IOException cause ? OutputFile.failed(output, cause) : e;
    }
  }

  /** The final name may be longer than can be, which shall not show at the end only. */
  private static void checkName(Path output, Path absolute) throws IOException {
    try {
      Object unused =
          Files.readAttributes(absolute, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
    } catch (NoSuchFileException e) {
      // It is free, or its directory is missing, which making the file tells.
    } catch (FileSystemException e) {
      throw OutputFile.failed(output, e);
    }
  }

  /** So much of a name that there is room for more. */
  private static String start(String name) {
    int characters = Math.min(MAX_START, name.codePointCount(0, name.length()));
    return name.substring(0, name.offsetByCodePoints(0, characters));
  }

  private static RefusedException exists(Path output) {
    return new RefusedException(
        Errno.EEXIST, output + ": exists already: expected a new name, or --force to replace it");
  }

  @Override
  public OutputFile file() {
    return file;
  }

  @Override
  public OutputFile scratch(String name) throws IOException {
    return OutputFile.createScratch(temporary.resolveSibling(temporary.getFileName() + "." + name));
  }

  /**
   * Gives the file its name. It is on the disk before, so that a crash leaves what was there, or
   * the whole new file, under the name.
   */
  @Override
  public void commit() throws IOException {
    file.sync();
    file.close();
    if (force) {
      try {
        Files.move(temporary, output, StandardCopyOption.ATOMIC_MOVE);
      } catch (AtomicMoveNotSupportedException e) {
        throw new IOException(output + ": can't be replaced: " + e.getReason(), e);
      } catch (FileSystemException e) {
        throw OutputFile.failed(output, e);
      }
    } else {
      moveToNewName(temporary, output);
    }
    OutputFile.syncDirectory(output.resolveSibling(""));
  }

  private Path replaced() {
    return temporary.resolveSibling(temporary.getFileName() + ".old");
  }

  /** Keeps what {@link #commit} will replace, for {@link #retract}, until this is closed. */
  void keepReplaced() throws IOException {
    try {
      Files.createLink(replaced(), output);
    } catch (IOException | UnsupportedOperationException e) {
      // There is nothing, or the file system has no links, or no more of this file.
      if (force && Files.exists(output, LinkOption.NOFOLLOW_LINKS)) {
        copyReplaced();
      }
    }
  }

  private void copyReplaced() throws IOException {
    try {
      Files.copy(output, replaced(), LinkOption.NOFOLLOW_LINKS, StandardCopyOption.COPY_ATTRIBUTES);
    } catch (IOException e) {
      throw OutputFile.failed(output, e);
    }
  }

  /** Removes the file after {@link #commit}, when what it belongs to can't be had. */
  void retract() throws IOException {
    if (Files.exists(replaced(), LinkOption.NOFOLLOW_LINKS)) {
      Files.move(replaced(), output, StandardCopyOption.ATOMIC_MOVE);
    } else {
      Files.deleteIfExists(output);
    }
  }

  /** Unlike a renaming, a link does not replace a file that has appeared meanwhile. */
  static void moveToNewName(Path temporary, Path output) throws IOException {
    try {
      Files.createLink(output, temporary);
    } catch (FileAlreadyExistsException e) {
      throw exists(output);
    } catch (FileSystemException | UnsupportedOperationException e) {
      // A file system without links; this looks first and then renames.
      try {
        Files.move(temporary, output);
      } catch (FileAlreadyExistsException f) {
        throw exists(output);
      }
    }
  }

  /** Removes what was not committed, and the hidden name. */
  @Override
  public void close() throws IOException {
    try {
      file.delete();
    } finally {
      Files.deleteIfExists(replaced());
    }
  }
}
