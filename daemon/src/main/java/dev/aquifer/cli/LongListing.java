package dev.aquifer.cli;

import dev.aquifer.image.FileType;
import dev.aquifer.image.Image;
import dev.aquifer.image.Inode;
import dev.aquifer.tool.PathText;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedMap;

/** Rows of {@code ls -l}, in columns that are as wide as they must be. */
final class LongListing {
  /** How many rows are held at once; those of a larger directory may not be aligned throughout. */
  static final int MAX_ROWS = 65536;

  private final Image image;
  private final boolean isLong;
  private final boolean isFullTime;
  private final FileTimeText times = new FileTimeText();
  private final List<Row> rows = new ArrayList<>();

  LongListing(Image image, boolean isLong, boolean isFullTime) {
    this.image = image;
    this.isLong = isLong;
    this.isFullTime = isFullTime;
  }

  private record Row(
      String mode,
      String nlink,
      String uid,
      String gid,
      String major,
      String size,
      String time,
      String name) {}

  boolean isLong() {
    return isLong;
  }

  boolean isEmpty() {
    return rows.isEmpty();
  }

  int size() {
    return rows.size();
  }

  /** Adds a row with a name alone. */
  void addName(byte[] name) {
    rows.add(new Row("", "", "", "", "", "", "", PathText.shown(name)));
  }

  /** Adds the row of {@code inode}. */
  void add(byte[] name, Inode inode) throws IOException {
    if (!isLong) {
      addName(name);
      return;
    }
    FileType type = inode.type();
    String shown = PathText.shown(name);
    if (type == FileType.SYMBOLIC_LINK) {
      shown += " -> " + PathText.shown(image.readLink(inode));
    }
    rows.add(
        new Row(
            FileMode.text(type, inode.permissions()) + mark(inode),
            Long.toString(inode.nlink()),
            Long.toString(inode.uid()),
            Long.toString(inode.gid()),
            type.isDevice() ? inode.rdevMajor() + "," : "",
            Long.toString(type.isDevice() ? inode.rdevMinor() : inode.sizeBytes()),
            isFullTime
                ? times.full(inode.mtimeSeconds(), inode.mtimeNanos())
                : times.brief(inode.mtimeSeconds()),
            shown));
  }

  /** As GNU ls does: {@code +} for ACLs, {@code .} for a security context alone. */
  private String mark(Inode inode) throws IOException {
    if (inode.xattrSizeBytes() == 0) {
      return "";
    }
    SortedMap<String, byte[]> xattrs = image.xattrs(inode);
    if (xattrs.containsKey("system.posix_acl_access")
        || xattrs.containsKey("system.posix_acl_default")) {
      return "+";
    }
    return xattrs.containsKey("security.selinux") ? "." : "";
  }

  /** Prints the rows and forgets them. */
  void print(PrintWriter out) {
    if (!isLong) {
      for (Row row : rows) {
        out.append(row.name).append('\n');
      }
      rows.clear();
      return;
    }
    int mode = 0;
    int nlink = 0;
    int uid = 0;
    int gid = 0;
    int major = 0;
    int size = 0;
    for (Row row : rows) {
      mode = Math.max(mode, row.mode.length());
      nlink = Math.max(nlink, row.nlink.length());
      uid = Math.max(uid, row.uid.length());
      gid = Math.max(gid, row.gid.length());
      major = Math.max(major, row.major.length() + (row.major.isEmpty() ? 0 : 1));
      size = Math.max(size, row.size.length());
    }
    StringBuilder line = new StringBuilder(128);
    for (Row row : rows) {
      line.setLength(0);
      line.append(row.mode).repeat(' ', mode - row.mode.length() + 1);
      right(line, row.nlink, nlink).append(' ');
      right(line, row.uid, uid).append(' ');
      right(line, row.gid, gid).append(' ');
      if (row.major.isEmpty()) {
        right(line, row.size, major + size).append(' ');
      } else {
        right(line, row.major, major - 1).append(' ');
        right(line, row.size, size).append(' ');
      }
      out.append(line.append(row.time).append(' ').append(row.name).append('\n'));
    }
    rows.clear();
  }

  private static StringBuilder right(StringBuilder line, String text, int width) {
    return line.repeat(' ', width - text.length()).append(text);
  }
}
