package dev.aquifer.fuzz;

import dev.aquifer.image.DirEntry;
import dev.aquifer.image.FileType;
import dev.aquifer.image.Image;
import dev.aquifer.image.Inode;
import dev.aquifer.image.ReadOptions;
import dev.aquifer.io.ByteSource;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashSet;
import java.util.Set;

/**
 * Asks an image for everything it has. It answers or throws an IOException: anything else, and
 * anything that takes long or much memory, is a finding.
 */
public final class ImageFuzzer {
  private static final int MAX_INODES = 60;
  private static final int MAX_ENTRIES = 1000;
  private static final int READ_BYTES = 16 * 1024;
  private static final int CHECKSUM_AT = 1024 + 8;

  private final Image image;
  private final Deque<Inode> waiting = new ArrayDeque<>();
  private final Set<Long> seen = new HashSet<>();
  private int entries;

  private ImageFuzzer(Image image) {
    this.image = image;
  }

  /** Called by Jazzer. */
  public static void fuzzerTestOneInput(byte[] data) {
    if (data.length > CHECKSUM_AT) {
      // The checksum of the superblock would keep everything else from being tried.
      data[CHECKSUM_AT] &= ~1;
    }
    try {
      // Without helpers and a cache: one thread is guided better, and every cluster is decoded.
      Image image = Image.open(ByteSource.of("image", data), new ReadOptions(0, 1));
      ImageFuzzer fuzzer = new ImageFuzzer(image);
      fuzzer.visit(fuzzer.image.root());
      while (!fuzzer.waiting.isEmpty()) {
        fuzzer.ask(fuzzer.waiting.remove());
      }
    } catch (IOException e) {
      // Refused.
    }
  }

  private void visit(Inode inode) {
    if (seen.size() < MAX_INODES && seen.add(inode.nid())) {
      waiting.add(inode);
    }
  }

  private void ask(Inode inode) {
    attempt(() -> image.xattrs(inode));
    switch (inode.type()) {
      case DIRECTORY -> attempt(() -> list(inode));
      case SYMBOLIC_LINK -> attempt(() -> image.readLink(inode));
      case REGULAR -> attempt(() -> read(inode));
      default -> {}
    }
  }

  private int list(Inode inode) throws IOException {
    image
        .directory(inode)
        .forEach(
            entry -> {
              if (++entries > MAX_ENTRIES) {
                throw new IOException("enough");
              }
              attempt(() -> follow(entry));
            });
    return entries;
  }

  private FileType follow(DirEntry entry) throws IOException {
    Inode inode = image.inode(entry);
    visit(inode);
    return inode.type();
  }

  private long read(Inode inode) throws IOException {
    ByteSource data = image.open(inode);
    long size = data.sizeBytes();
    if (size > 0) {
      attempt(() -> data.readBytes(0, (int) Math.min(READ_BYTES, size)));
      attempt(() -> data.readBytes(Math.max(0, size - READ_BYTES), (int) Math.min(READ_BYTES, size)));
      attempt(() -> data.readBytes(size / 2, (int) Math.min(4096, size - size / 2)));
      attempt(() -> image.map(inode, size / 2));
    }
    return size;
  }

  private interface Question {
    Object ask() throws IOException;
  }

  private static void attempt(Question question) {
    try {
      Object unused = question.ask();
    } catch (IOException e) {
      // Refused, and the rest is asked all the same.
    }
  }
}
