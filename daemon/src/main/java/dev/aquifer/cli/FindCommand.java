package dev.aquifer.cli;

import dev.aquifer.daemon.ErrorText;
import dev.aquifer.image.ByteNames;
import dev.aquifer.image.Image;
import dev.aquifer.image.Inode;
import dev.aquifer.tool.ImageWalk;
import dev.aquifer.tool.Manifest;
import dev.aquifer.tool.WalkEntry;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Finds files of an image. */
@CommandLine.Command(
    name = "find",
    description = "Find files of an image; prints the paths for which all tests hold.",
    sortOptions = false)
final class FindCommand extends ImageCommand {
  private static final int MAX_TEXT = 1 << 16;

  @Parameters(
      index = "1..*",
      paramLabel = "PATH",
      description = "Where to begin. Default: the root directory.")
  List<String> starts = new ArrayList<>();

  @Option(
      names = {"-name", "--name"},
      paramLabel = "GLOB",
      description = "The last name is as the pattern says: *, ?, [a-z], [!a-z].")
  @Nullable String name;

  @Option(
      names = {"-path", "--path"},
      paramLabel = "GLOB",
      description = "The whole path is as the pattern says; * takes slashes, too.")
  @Nullable String path;

  @Option(
      names = {"-type", "--type"},
      paramLabel = "LETTERS",
      description = "Is of a type: f, d, l, c, b, p or s; several with commas.")
  @Nullable String type;

  @Option(
      names = {"-size", "--size"},
      paramLabel = "[+-]N[cwbkMG]",
      description =
          "Has N units, more (+) or fewer (-), rounded up: bytes (c), 2 bytes (w), 512 bytes (b, the default), KiB, MiB, GiB.")
  @Nullable String size;

  @Option(
      names = {"-newer", "--newer"},
      paramLabel = "FILE",
      description = "Was modified later than the file FILE, which is not in the image.")
  @Nullable Path newer;

  @Option(
      names = {"-mindepth", "--min-depth"},
      paramLabel = "N",
      description = "Is at least N levels down.")
  int minDepth;

  @Option(
      names = {"-maxdepth", "--max-depth"},
      paramLabel = "N",
      description = "Is at most N levels down.")
  int maxDepth = Integer.MAX_VALUE;

  @Option(
      names = {"-print0", "--print0"},
      description = "Print the bytes of paths as they are, each with a zero byte after it.")
  boolean print0;

  @Override
  ExitCode run(Image image) throws Exception {
    Predicate<WalkEntry> test = tests();
    try (Paths out = print0 ? new RawPaths() : new ShownPaths()) {
      for (String argument : starts.isEmpty() ? List.of("/") : starts) {
        byte[] start = absolute(path(argument));
        ImageWalk.walk(
            image,
            start,
            lookup(image, start),
            entry -> {
              if (entry.depth() >= minDepth && test.test(entry)) {
                out.print(entry);
              }
              return entry.depth() < maxDepth;
            });
      }
    }
    return ExitCode.OK;
  }

  private Predicate<WalkEntry> tests() throws FailedException {
    Predicate<WalkEntry> test = entry -> entry.depth() <= maxDepth;
    if (name != null) {
      Glob glob = glob(name);
      test = test.and(entry -> glob.matches(ByteNames.toText(lastName(entry))));
    }
    if (path != null) {
      Glob glob = glob(path);
      test = test.and(entry -> glob.matches(ByteNames.toText(entry.path())));
    }
    if (type != null) {
      List<String> letters = List.of(type.split(",", -1));
      for (String letter : letters) {
        if (letter.length() != 1 || !"fdlcbps".contains(letter)) {
          throw usage("-type '" + type + "': expected f, d, l, c, b, p or s");
        }
      }
      test = test.and(entry -> letters.contains(Manifest.letter(entry.inode().type())));
    }
    if (size != null) {
      test = test.and(SizeTest.of(size, this));
    }
    if (newer != null) {
      FileTime than = modified(newer);
      test = test.and(entry -> modified(entry.inode()).compareTo(than) > 0);
    }
    return test;
  }

  private static FileTime modified(Inode inode) {
    long seconds = inode.mtimeSeconds();
    boolean isInstant =
        seconds >= Instant.MIN.getEpochSecond() && seconds <= Instant.MAX.getEpochSecond();
    // An image may have any 64 bits; beyond a billion years the seconds are enough.
    return isInstant
        ? FileTime.from(Instant.ofEpochSecond(seconds, inode.mtimeNanos()))
        : FileTime.from(seconds, TimeUnit.SECONDS);
  }

  private static FileTime modified(Path file) throws FailedException {
    try {
      return Files.getLastModifiedTime(file);
    } catch (IOException e) {
      throw new FailedException(ExitCode.FAILED, "-newer: " + ErrorText.of(e), e);
    }
  }

  private Glob glob(String pattern) {
    try {
      return Glob.of(pattern);
    } catch (IllegalArgumentException e) {
      throw usage(String.valueOf(e.getMessage()));
    }
  }

  /** The last name of the whole path, also where the walk starts; the root is {@code /}. */
  private static byte[] lastName(WalkEntry entry) {
    byte[] whole = entry.path();
    int from = whole.length;
    while (from > 0 && whole[from - 1] != '/') {
      from--;
    }
    return whole.length == 1 ? whole : java.util.Arrays.copyOfRange(whole, from, whole.length);
  }

  /** {@code -size} as find(1) has it. */
  private record SizeTest(int sign, long count, long unit) implements Predicate<WalkEntry> {
    static SizeTest of(String text, FindCommand command) {
      int sign = text.startsWith("+") ? 1 : text.startsWith("-") ? -1 : 0;
      String rest = sign == 0 ? text : text.substring(1);
      int unitAt = "cwbkMG".indexOf(rest.isEmpty() ? ' ' : rest.charAt(rest.length() - 1));
      long unit = unitAt < 0 ? 512 : new long[] {1, 2, 512, 1 << 10, 1 << 20, 1 << 30}[unitAt];
      String digits = unitAt < 0 ? rest : rest.substring(0, rest.length() - 1);
      if (!digits.matches("[0-9]{1,18}")) {
        throw command.usage("-size '" + text + "': expected a number and one of c, w, b, k, M, G");
      }
      return new SizeTest(sign, Long.parseLong(digits), unit);
    }

    @Override
    public boolean test(WalkEntry entry) {
      long bytes = entry.inode().sizeBytes();
      long units = bytes / unit + (bytes % unit == 0 ? 0 : 1);
      int order = Long.compare(units, count);
      return sign == 0 ? order == 0 : order * sign > 0;
    }
  }

  /** Where found paths go. */
  private interface Paths extends AutoCloseable {
    void print(WalkEntry entry) throws IOException;

    @Override
    void close() throws IOException;
  }

  private final class ShownPaths implements Paths {
    private final PrintWriter text = text();

    @Override
    public void print(WalkEntry entry) throws IOException {
      text.append(entry.shown()).append('\n');
      checkOut();
    }

    @Override
    public void close() {
      text.flush();
    }
  }

  private final class RawPaths implements Paths {
    private final java.io.OutputStream bytes =
        new java.io.BufferedOutputStream(bytes().bytes(), MAX_TEXT);

    @Override
    public void print(WalkEntry entry) throws IOException {
      bytes.write(entry.path());
      bytes.write(0);
    }

    @Override
    public void close() throws IOException {
      bytes.flush();
    }
  }
}
