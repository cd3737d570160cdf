package dev.aquifer.image;

import dev.aquifer.io.Sha256;
import java.io.IOException;
import java.time.Instant;
import java.util.HexFormat;
import java.util.TreeMap;

/** What the reader shows of one path, in words that can be compared with {@link KernelView}. */
final class ReaderView {
  private ReaderView() {}

  static String inode(Inode inode) {
    return "%o uid %d gid %d nlink %d size %s mtime %s rdev %s"
        .formatted(
            inode.mode(),
            inode.uid(),
            inode.gid(),
            inode.nlink(),
            inode.type().hasData() ? inode.sizeBytes() : "-",
            // Times that FileTime can't hold are cut by it in the same way.
            java.nio.file.attribute.FileTime.from(time(inode)).toInstant(),
            inode.type().isDevice() ? inode.rdevMajor() + ":" + inode.rdevMinor() : "-");
  }

  private static Instant time(Inode inode) {
    long seconds =
        Math.clamp(
            inode.mtimeSeconds(), Instant.MIN.getEpochSecond(), Instant.MAX.getEpochSecond());
    return Instant.ofEpochSecond(seconds, inode.mtimeNanos());
  }

  static String target(Image image, Inode inode) throws IOException {
    return ByteNames.toText(image.readLink(inode));
  }

  /** A digest of a part of a file. */
  static String part(Image image, Inode inode, long position, int length) throws IOException {
    return digest(image.open(inode).readBytes(position, length));
  }

  static String digest(byte[] bytes) {
    return Sha256.hash(bytes).hex();
  }

  static String xattrs(Image image, Inode inode) throws IOException {
    TreeMap<String, String> xattrs = new TreeMap<>();
    image.xattrs(inode).forEach((k, v) -> xattrs.put(k, HexFormat.of().formatHex(v)));
    return xattrs.toString();
  }
}
