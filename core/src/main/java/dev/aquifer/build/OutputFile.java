package dev.aquifer.build;

import dev.aquifer.io.ByteSource;
import java.io.Closeable;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * A new file that is being written. Its errors name it. Used by one thread, but that many may write
 * to it, and read what is written.
 */
sealed interface OutputFile extends Closeable permits DiskFile, MemoryFile {
  /** Creates a file on a disk that is to stay; {@link #sync} when it is whole. */
  static OutputFile create(Path path) throws IOException {
    return DiskFile.create(path, true);
  }

  /** Creates a file on a disk that is only needed meanwhile. */
  static OutputFile createScratch(Path path) throws IOException {
    return DiskFile.create(path, false);
  }

  /** What messages call it. */
  String name();

  /** By what a tree that holds the file knows it. */
  FileKey key() throws IOException;

  void write(long positionBytes, MemorySegment bytes) throws IOException;

  void read(long positionBytes, MemorySegment dst) throws IOException;

  /** Begins to bring what was written to the disk, if it goes to one, and returns at once. */
  void beginSync() throws IOException;

  /** Waits until what was written is on the disk, if it goes to one. */
  void sync() throws IOException;

  /** Opens what was written, while nothing more is; for many threads. */
  ByteSource open() throws IOException;

  /** Closes the file and removes it. */
  void delete() throws IOException;

  /** Waits until all files and directories below {@code directory}, and itself, are on the disk. */
  static void syncTree(Path directory) throws IOException {
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory)) {
      for (Path entry : entries) {
        if (Files.isDirectory(entry, LinkOption.NOFOLLOW_LINKS)) {
          syncTree(entry);
        } else {
          try (FileChannel file = FileChannel.open(entry, StandardOpenOption.READ)) {
            file.force(false);
          } catch (IOException e) {
            throw failed(entry, e);
          }
        }
      }
    }
    syncDirectory(directory);
  }

  /** Waits until the names in {@code directory} are on the disk, as far as it lets us. */
  static void syncDirectory(Path directory) {
    try (FileChannel names = FileChannel.open(directory, StandardOpenOption.READ)) {
      names.force(true);
    } catch (IOException e) {
      // Some file systems can't; the files themselves are on the disk.
    }
  }

  /** The error of writing {@code path}: what can't be written, and why. */
  static IOException failed(Path path, IOException e) {
    String reason =
        switch (e) {
          case java.nio.file.AccessDeniedException _ -> "Permission denied";
          case java.nio.file.FileAlreadyExistsException _ -> "it exists already";
          case java.nio.channels.ClosedByInterruptException _ -> "interrupted";
          case java.nio.file.NoSuchFileException _ -> "no such directory";
          case FileSystemException f when f.getReason() != null -> f.getReason();
          default -> String.valueOf(e.getMessage());
        };
    return new IOException("%s: can't be written: %s".formatted(path, reason), e);
  }
}
