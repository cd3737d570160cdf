package dev.aquifer.input;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/** Archives with one fault each, and the line that tells it. */
class BadTarTest {
  private static final String ARCHIVE = "ARCHIVE: ";

  @TempDir Path temp;

  private DynamicTest bad(String fault, byte[] archive, String message) {
    return DynamicTest.dynamicTest(
        fault,
        () -> {
          Path file = temp.resolve(fault.replace(' ', '-') + ".tar");
          Files.write(file, archive);
          assertThatThrownBy(() -> TarTree.open(file, temp).close())
              .isInstanceOf(IOException.class)
              .satisfies(
                  e ->
                      assertThat(e.getMessage().replace(file.toString(), "ARCHIVE"))
                          .startsWith(ARCHIVE + message)
                          .doesNotContain("\n"));
          try (Stream<Path> left = Files.list(temp)) {
            assertThat(left).containsExactly(file);
          }
          Files.delete(file);
        });
  }

  private static byte[] changed(byte[] archive, int at, int value) {
    byte[] changed = archive.clone();
    changed[at] = (byte) value;
    return changed;
  }

  private static byte[] field(int at, String text) {
    byte[] header = TarBytes.header('0', "f", "", 0);
    TarBytes.put(header, at, text);
    return new TarBytes().raw(TarBytes.summed(header)).end();
  }

  private static byte[] pax(String... records) {
    return new TarBytes().pax('x', records).file("f", "abc").end();
  }

  @TestFactory
  Stream<DynamicTest> headers() {
    byte[] good = new TarBytes().file("a", "x").file("f", "abc").end();
    return Stream.of(
        bad(
            "no tar",
            "#!/bin/sh\n".repeat(100).getBytes(java.nio.charset.StandardCharsets.UTF_8),
            "is no tar archive: its first block has no right checksum"),
        bad("short", new byte[100], "is no tar archive: it has 100 bytes: expected blocks of 512"),
        bad("empty", new byte[0], "is no tar archive: it has 0 bytes"),
        bad(
            "wrong checksum",
            changed(good, 1024, 'g'),
            "byte 1024: the header's checksum is wrong"),
        bad(
            "truncated data",
            Arrays.copyOf(good, 1537),
            "entry 'f' at byte 1024: 3 bytes follow at byte 1536, but the archive ends at byte 1537: it is truncated"),
        bad("truncated header", Arrays.copyOf(good, 1300), "header at byte 1024: 512 bytes follow"),
        bad(
            "no end",
            Arrays.copyOf(good, 2048),
            "byte 2048: it ends without blocks of zeros, which mark the end: it is truncated"),
        bad(
            "lone zeros",
            new TarBytes().raw(new byte[512]).file("f", "").end(),
            "byte 0: a lone block of zeros"),
        bad(
            "unknown type",
            new TarBytes().add('Q', "f", "", new byte[0]).end(),
            "entry 'f' at byte 0: typeflag 'Q' is not known"),
        bad(
            "other volume",
            new TarBytes().add('M', "f", "", new byte[0]).end(),
            "entry 'f' at byte 0: typeflag 'M' is not known"),
        bad(
            "size no number",
            field(124, "0000000x"),
            "header at byte 0: field size has a byte 0x78: expected octal digits"),
        bad(
            "negative size",
            field(124, "\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff"),
            "entry 'f' at byte 0: its size is -1"),
        bad(
            "huge number",
            field(124, "\u0080\u0001\u0001\u0001\u0001\u0001\u0001\u0001\u0001\u0001\u0001\u0001"),
            "header at byte 0: field size has a number of more than 64 bits"),
        bad(
            "negative uid",
            field(108, "\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff"),
            "entry 'f' at byte 0: its uid is -1: expected 0 to 4294967295"));
  }

  @TestFactory
  Stream<DynamicTest> names() {
    return Stream.of(
        bad(
            "dotdot",
            new TarBytes().file("a/../../f", "").end(),
            "entry 'a/../../f' at byte 0: a name with .. in it, which leads out of the tree"),
        bad(
            "dotdot in a link",
            new TarBytes().file("f", "").hardLink("g", "../f").end(),
            "entry 'g' at byte 512: a name with .. in it"),
        bad(
            "link to nowhere",
            new TarBytes().hardLink("g", "f").file("f", "").end(),
            "entry 'g' at byte 0: a hard link to 'f', which is nowhere before it"),
        bad(
            "link to a directory",
            new TarBytes().directory("d").hardLink("g", "d").end(),
            "entry 'g' at byte 512: a hard link to 'd', which is a directory"),
        bad(
            "file as a directory",
            new TarBytes().file("f", "").file("f/g", "").end(),
            "entry 'f/g' at byte 512: 'f' on its way is a regular file: expected a directory"),
        bad(
            "links in a circle",
            new TarBytes().symlink("a", "b").symlink("b", "a").file("a/f", "").end(),
            "entry 'a/f' at byte 1024: 'a' on its way is a symbolic link"),
        bad(
            "root is a file",
            new TarBytes().file("./", "").symlink("/", "x").end(),
            "entry '/' at byte 512: is the root, and no directory"),
        bad(
            "zero in a name",
            pax("path", "a\0b"),
            "entry 'a%00b' at byte 0: its name has a zero byte in it"),
        bad(
            "name too long",
            pax("path", "d/" + "n".repeat(256)),
            "entry 'd/" + "n".repeat(256) + "' at byte 0: an impossible name of 256 bytes"),
        bad(
            "path too long",
            pax("path", "d/".repeat(40_000)),
            "entry '" + "d/".repeat(500) + "…' at byte 0: a path of 80000 bytes"),
        bad(
            "target too long",
            new TarBytes().pax('x', "linkpath", "t".repeat(4096)).symlink("l", "").end(),
            "entry 'l' at byte 0: a link with a target of 4096 bytes: expected 1 to 4095"),
        bad(
            "target empty",
            new TarBytes().symlink("l", "").end(),
            "entry 'l' at byte 0: a link with a target of 0 bytes: expected 1 to 4095"));
  }

  @TestFactory
  Stream<DynamicTest> extensions() {
    return Stream.of(
        bad(
            "record without length",
            new TarBytes().add('x', "p", "", TarBytes.latin1("path=f\n")).end(),
            "extended header at byte 0: the record at byte 0 of its extended header is malformed"),
        bad(
            "record too long",
            new TarBytes().add('x', "p", "", TarBytes.latin1("99 path=f\n")).end(),
            "extended header at byte 0: the record at byte 0"),
        bad(
            "record without key",
            new TarBytes().add('x', "p", "", TarBytes.latin1("8 path\n\n")).end(),
            "extended header at byte 0: the record at byte 0"),
        bad(
            "header for nothing",
            new TarBytes().pax('x', "path", "f").end(),
            "byte 1024: it ends within an entry"),
        bad(
            "extension too long",
            new TarBytes().raw(TarBytes.header('L', "l", "", 1L << 32)).end(),
            "extended header at byte 0: it has 4294967296 bytes: expected at most 67108864"),
        bad(
            "time no number",
            pax("mtime", "yesterday"),
            "entry 'f' at byte 0: 'yesterday' is no time: expected seconds since 1970"),
        bad(
            "uid too large",
            pax("uid", "4294967296"),
            "entry 'f' at byte 0: its uid is 4294967296: expected 0 to 4294967295"),
        bad(
            "size no decimal",
            pax("size", "0x3"),
            "entry 'f' at byte 0: '0x3' is no value of size: expected a number"),
        bad(
            "xattr no base64",
            pax("LIBARCHIVE.xattr.user.a", "***"),
            "entry 'f' at byte 0: the value of LIBARCHIVE.xattr.user.a is not in base 64"),
        bad(
            "device too large",
            new TarBytes().pax('x', "SCHILY.devmajor", "4096").add('3', "c", "", new byte[0]).end(),
            "entry 'c' at byte 0: its device number is 4096:0: expected at most 4095:1048575"));
  }

  @TestFactory
  Stream<DynamicTest> sparseMaps() {
    return Stream.of(
        bad(
            "pieces overlap",
            pax("GNU.sparse.size", "9", "GNU.sparse.map", "0,2,1,1"),
            "entry 'f' at byte 0: its piece 2 of 1 bytes at 1 lies before byte 2"),
        bad(
            "piece beyond the end",
            pax("GNU.sparse.size", "9", "GNU.sparse.map", "8,3"),
            "entry 'f' at byte 0: its piece 1 of 3 bytes at 8 lies before byte 0 or ends beyond its 9 bytes"),
        bad(
            "pieces of other length",
            pax("GNU.sparse.size", "9", "GNU.sparse.map", "0,2"),
            "entry 'f' at byte 0: its sparse map has pieces of 2 bytes: expected the 3 bytes that are stored"),
        bad(
            "half a pair",
            pax("GNU.sparse.size", "9", "GNU.sparse.map", "0,2,5"),
            "entry 'f' at byte 0: its sparse map ends within a pair"),
        bad(
            "map no number",
            pax("GNU.sparse.size", "9", "GNU.sparse.map", "0,x"),
            "entry 'f' at byte 0: 'x' is no value of the sparse map"),
        bad(
            "map not there",
            pax("GNU.sparse.major", "1", "GNU.sparse.realsize", "9"),
            "entry 'f' at byte 0: its sparse map ends within a number"),
        bad(
            "no real size",
            new TarBytes()
                .pax('x', "GNU.sparse.major", "1")
                .file("f", "0\n" + "\0".repeat(510))
                .end(),
            "entry 'f' at byte 0: its size is -1"));
  }

  @TestFactory
  Stream<DynamicTest> compressions() throws Exception {
    byte[] good = new TarBytes().file("f", "abc").end();
    Path plain = temp.resolve("plain");
    Files.write(plain, good);
    Trees.run(temp, "sh", "-c", "gzip -k plain; xz -k plain; zstd -q plain");
    byte[] gz = Files.readAllBytes(temp.resolve("plain.gz"));
    byte[] xz = Files.readAllBytes(temp.resolve("plain.xz"));
    byte[] zst = Files.readAllBytes(temp.resolve("plain.zst"));
    Trees.run(temp, "sh", "-c", "rm plain*");
    return Stream.of(
        bad(
            "gzip truncated",
            Arrays.copyOf(gz, gz.length - 9),
            "its gzip data is damaged: it ends too early"),
        bad(
            "gzip damaged",
            changed(gz, gz.length - 6, 1),
            "its gzip data is damaged: Corrupt GZIP trailer"),
        bad("xz truncated", Arrays.copyOf(xz, xz.length - 9), "its xz data is damaged: "),
        bad("xz damaged", changed(xz, 30, xz[30] ^ 1), "its xz data is damaged: "),
        bad("zstd truncated", Arrays.copyOf(zst, zst.length - 5), "its zstd data is damaged: "),
        bad(
            "zstd damaged",
            changed(zst, zst.length - 6, zst[zst.length - 6] ^ 1),
            "its zstd data is damaged: "),
        bad(
            "bzip2",
            TarBytes.latin1("BZh91AY&SY"),
            "is compressed with bzip2: expected gzip, zstd, xz or none"));
  }
}
