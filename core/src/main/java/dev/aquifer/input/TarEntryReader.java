package dev.aquifer.input;

import dev.aquifer.build.FileStat;
import dev.aquifer.image.FileType;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Puts together what a header and its extensions say of one entry. */
final class TarEntryReader {
  private static final long MAX_ID = 0xffffffffL;
  private static final long MAX_MAJOR = 0xfff;
  private static final long MAX_MINOR = 0xfffff;
  private static final int PERMISSIONS = 07777;
  private static final int MAX_MAP_DIGITS = 20;
  private static final byte[] NO_TARGET = {};

  private final TarReader reader;
  private final HeaderBlock header;
  private final PaxRecords records;
  private final long atBytes;
  private byte[] path = {};

  TarEntryReader(TarReader reader, HeaderBlock header, PaxRecords records, long atBytes) {
    this.reader = reader;
    this.header = header;
    this.records = records;
    this.atBytes = atBytes;
  }

  /**
   * Reads the entry, and passes over its data.
   *
   * @param longName what GNU's extension says of the name, or null
   * @param longLink the same of the target
   */
  TarEntry read(byte @Nullable [] longName, byte @Nullable [] longLink) throws IOException {
    byte[] name = longName == null ? header.name() : longName;
    path = records.bytes("GNU.sparse.name", records.bytes("path", name));
    byte[] link = longLink == null ? header.linkName() : longLink;
    try {
      return read(records.bytes("linkpath", link));
    } catch (IllegalArgumentException | ArithmeticException e) {
      throw reader.wrong(what(), String.valueOf(e.getMessage()));
    }
  }

  private String what() {
    return TarEntry.text(Name.of(path), atBytes);
  }

  private TarEntry read(byte[] target) throws IOException {
    checkNoZero(path, "name");
    checkNoZero(target, "target");
    FileType type = type();
    boolean isRegular = type == FileType.REGULAR;
    boolean isLink = type == null || type == FileType.SYMBOLIC_LINK;
    long stored = storedBytes();
    SparseMap sparse = null;
    long size = isRegular ? stored : 0;
    if (isRegular && reader.isHeaderball()) {
      checkNotSparse();
      stored = 0;
    }
    if (isRegular && header.flag() == 'S') {
      size = header.realSizeBytes();
      sparse = SparseMap.of(oldPieces(), size);
    }
    String what = what();
    long dataAt = reader.skipData(what, stored);
    if (isRegular && records.number("GNU.sparse.major", 0) == 1) {
      size = records.number("GNU.sparse.realsize", -1);
      MapReader map = new MapReader(dataAt, stored);
      sparse = SparseMap.of(map.pieces(), size);
      stored -= map.lengthBytes();
      dataAt += map.lengthBytes();
    } else if (isRegular && records.bytes("GNU.sparse.size") != null) {
      size = records.number("GNU.sparse.size", -1);
      sparse = SparseMap.of(paxPieces(), size);
    }
    if (size < 0) {
      throw new IllegalArgumentException("its size is %d".formatted(size));
    }
    if (sparse != null && sparse.storedBytes() != stored) {
      throw new IllegalArgumentException(
          "its sparse map has pieces of %d bytes: expected the %d bytes that are stored"
              .formatted(sparse.storedBytes(), stored));
    }
    PaxTime time = PaxTime.of(records.text("mtime"), header);
    return new TarEntry(
        atBytes,
        Name.of(path),
        type,
        Name.of(isLink ? target : NO_TARGET),
        (int) header.mode() & PERMISSIONS,
        id("uid", header.uid()),
        id("gid", header.gid()),
        time.seconds(),
        time.nanos(),
        type != null && type.isDevice() ? rdev() : 0,
        PaxXattrs.of(records),
        size,
        dataAt,
        sparse);
  }

  /** Without data nobody knows where a map ends that lies before it. */
  private void checkNotSparse() throws IOException {
    if (header.flag() == 'S'
        || records.bytes("GNU.sparse.major") != null
        || records.bytes("GNU.sparse.size") != null) {
      throw reader.unsupported(
          what(), "is a file with holes, of which headers alone do not tell: expected one without");
    }
  }

  private static void checkNoZero(byte[] text, String what) {
    for (byte b : text) {
      if (b == 0) {
        throw new IllegalArgumentException("its " + what + " has a zero byte in it");
      }
    }
  }

  /** The type of file; null for a hard link. */
  private @Nullable FileType type() throws IOException {
    char flag = header.flag();
    return switch (flag) {
      // Before ustar a directory was a file whose name ends with a slash.
      case '0', 0 ->
          path.length > 0 && path[path.length - 1] == '/' ? FileType.DIRECTORY : FileType.REGULAR;
      case '7', 'S' -> FileType.REGULAR;
      case '1' -> null;
      case '2' -> FileType.SYMBOLIC_LINK;
      case '3' -> FileType.CHARACTER_DEVICE;
      case '4' -> FileType.BLOCK_DEVICE;
      case '5', 'D' -> FileType.DIRECTORY;
      case '6' -> FileType.FIFO;
      default ->
          throw reader.unsupported(
              what(),
              (flag > ' ' && flag < 0x7f ? "typeflag '" + flag + "'" : "typeflag " + (int) flag)
                  + " is not known: expected a file, directory, link, device or fifo");
    };
  }

  /** How much data follows. As POSIX has it, links, devices and directories have none. */
  private long storedBytes() throws IOException {
    return switch (header.flag()) {
      case '1', '2', '3', '4', '5', '6' -> 0;
      default -> records.number("size", header.sizeBytes());
    };
  }

  private long id(String keyword, long inHeader) {
    long id = records.number(keyword, inHeader);
    if (id < 0 || id > MAX_ID) {
      throw new IllegalArgumentException(
          "its %s is %d: expected 0 to %d".formatted(keyword, id, MAX_ID));
    }
    return id;
  }

  private long rdev() throws IOException {
    long major = records.number("SCHILY.devmajor", header.devMajor());
    long minor = records.number("SCHILY.devminor", header.devMinor());
    if (major < 0 || major > MAX_MAJOR || minor < 0 || minor > MAX_MINOR) {
      throw new IllegalArgumentException(
          "its device number is %d:%d: expected at most %d:%d"
              .formatted(major, minor, MAX_MAJOR, MAX_MINOR));
    }
    return FileStat.rdev(major, minor);
  }

  /** The pieces of GNU's old form, in the header and in blocks that follow it. */
  private long[] oldPieces() throws IOException {
    List<Long> pieces = new ArrayList<>();
    addPieces(header, HeaderBlock.PIECES_AT, HeaderBlock.PIECES, pieces);
    boolean more = header.hasMorePieces();
    while (more) {
      HeaderBlock next = reader.block();
      addPieces(next, 0, HeaderBlock.MORE_PIECES, pieces);
      more = next.hasEvenMorePieces();
    }
    return pieces.stream().mapToLong(Long::longValue).toArray();
  }

  private static void addPieces(HeaderBlock block, int at, int count, List<Long> pieces)
      throws IOException {
    for (int i = 0; i < count; i++) {
      int piece = at + i * HeaderBlock.PIECE_BYTES;
      if (block.isPieceAbsent(piece)) {
        return;
      }
      pieces.add(block.pieceNumber(piece));
      pieces.add(block.pieceNumber(piece + HeaderBlock.PIECE_BYTES / 2));
    }
  }

  /** The pieces of GNU's pax forms 0.0 and 0.1. */
  private long[] paxPieces() {
    String map = records.text("GNU.sparse.map");
    List<String> numbers =
        map == null ? records.pieces() : Arrays.asList(map.split(",", map.isEmpty() ? 0 : -1));
    if (numbers.size() % 2 != 0 && !numbers.equals(List.of(""))) {
      throw new IllegalArgumentException("its sparse map ends within a pair of numbers");
    }
    long[] pieces = new long[numbers.size() & ~1];
    for (int i = 0; i < pieces.length; i++) {
      pieces[i] = PaxRecords.number("the sparse map", numbers.get(i));
    }
    return pieces;
  }

  /** The map of GNU's pax form 1.0: lines of decimal numbers before the data, in whole blocks. */
  private final class MapReader {
    private final long dataAt;
    private final long limit;
    private final byte[] block = new byte[HeaderBlock.BYTES];
    private long used;

    MapReader(long dataAt, long limit) {
      this.dataAt = dataAt;
      this.limit = limit;
    }

    long[] pieces() throws IOException {
      long count = line();
      // Each number takes at least a digit and a newline.
      if (count < 0 || count > limit / 4) {
        throw new IllegalArgumentException(
            "its sparse map has %d pieces: more than its %d bytes hold".formatted(count, limit));
      }
      long[] pieces = new long[(int) Math.min(Integer.MAX_VALUE - 8, 2 * count)];
      for (int i = 0; i < pieces.length; i++) {
        pieces[i] = line();
      }
      return pieces;
    }

    private long line() throws IOException {
      StringBuilder digits = new StringBuilder();
      while (true) {
        int at = (int) (used % HeaderBlock.BYTES);
        if (at == 0) {
          if (used + HeaderBlock.BYTES > limit) {
            throw new IllegalArgumentException("its sparse map ends within a number");
          }
          reader.copy(dataAt + used, block);
        }
        used++;
        if (block[at] == '\n') {
          return PaxRecords.number("the sparse map", digits.toString());
        }
        digits.append((char) (block[at] & 0xff));
        if (digits.length() > MAX_MAP_DIGITS) {
          return PaxRecords.number("the sparse map", digits.toString());
        }
      }
    }

    long lengthBytes() {
      return used + HeaderBlock.BYTES - 1 & -HeaderBlock.BYTES;
    }
  }
}
