package dev.aquifer.input;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What of a tree goes into an image, and what is changed on the way. Immutable; start from {@link
 * #ALL}. The words and rules are those of mkfs.erofs.
 *
 * @param excluded which paths are left out, with all below them: paths in the tree without a slash
 *     at their beginning, of one character for each byte
 * @param uid the user of all files; null for their own
 * @param gid the group of all files; null for their own
 * @param uidOffset is added to every user
 * @param gidOffset is added to every group
 * @param latestSeconds what is of this second since 1970 or later gets this time; null for no limit
 * @param contexts gives every file its SELinux label, or none; null to leave labels as they are
 * @param mountPoint where the image will be mounted, as {@code contexts} sees it
 * @param prefix directories that are put above the tree
 * @param hardDereference whether each name of a file becomes a file of its own
 */
public record Selection(
    List<Predicate<String>> excluded,
    @Nullable Long uid,
    @Nullable Long gid,
    long uidOffset,
    long gidOffset,
    @Nullable Long latestSeconds,
    @Nullable FileContexts contexts,
    String mountPoint,
    String prefix,
    boolean hardDereference) {
  /** Everything as it is. */
  public static final Selection ALL =
      new Selection(List.of(), null, null, 0, 0, null, null, "", "", false);

  private static final long MAX_ID = 0xffffffffL;

  /** Copies the list. */
  public Selection {
    excluded = List.copyOf(excluded);
    checkId(uid == null ? 0 : uid);
    checkId(gid == null ? 0 : gid);
    checkId(uidOffset);
    checkId(gidOffset);
    if (Name.split(bytes(prefix)).stream().anyMatch(Name::isDotDot)) {
      throw new IllegalArgumentException("prefix '%s': expected no ..".formatted(prefix));
    }
  }

  private static void checkId(long id) {
    if (id < 0 || id > MAX_ID) {
      throw new IllegalArgumentException("%d: expected 0 to %d".formatted(id, MAX_ID));
    }
  }

  /** The same without what {@code test} takes. */
  public Selection without(Predicate<String> test) {
    List<Predicate<String>> more = new ArrayList<>(excluded);
    more.add(test);
    return new Selection(
        more,
        uid,
        gid,
        uidOffset,
        gidOffset,
        latestSeconds,
        contexts,
        mountPoint,
        prefix,
        hardDereference);
  }

  /** The same without the file or directory at exactly this path. */
  public Selection withoutPath(String path) {
    String exact = Bytes.text(Name.split(bytes(path)));
    return without(exact::equals);
  }

  /**
   * The same without the paths in which an extended regular expression of POSIX is found, anywhere
   * unless it begins with {@code ^}.
   *
   * @throws IllegalArgumentException if it is malformed
   */
  public Selection withoutRegex(String regex) {
    Pattern pattern = PosixRegex.compile(new String(bytes(regex), StandardCharsets.ISO_8859_1));
    return without(path -> DeepMatch.find(pattern, path));
  }

  /** The same with other owners; null leaves them. */
  public Selection withOwner(@Nullable Long user, @Nullable Long group) {
    return new Selection(
        excluded,
        user,
        group,
        uidOffset,
        gidOffset,
        latestSeconds,
        contexts,
        mountPoint,
        prefix,
        hardDereference);
  }

  /** The same with other offsets. */
  public Selection withOffsets(long user, long group) {
    return new Selection(
        excluded,
        uid,
        gid,
        user,
        group,
        latestSeconds,
        contexts,
        mountPoint,
        prefix,
        hardDereference);
  }

  /** The same with another limit of times. */
  public Selection withLatest(@Nullable Long seconds) {
    return new Selection(
        excluded,
        uid,
        gid,
        uidOffset,
        gidOffset,
        seconds,
        contexts,
        mountPoint,
        prefix,
        hardDereference);
  }

  /** The same with labels. */
  public Selection withContexts(@Nullable FileContexts labels, String mountedAt) {
    return new Selection(
        excluded,
        uid,
        gid,
        uidOffset,
        gidOffset,
        latestSeconds,
        labels,
        mountedAt,
        prefix,
        hardDereference);
  }

  /** The same below other directories. */
  public Selection withPrefix(String directories) {
    return new Selection(
        excluded,
        uid,
        gid,
        uidOffset,
        gidOffset,
        latestSeconds,
        contexts,
        mountPoint,
        directories,
        hardDereference);
  }

  /** The same with or without {@link #hardDereference}. */
  public Selection withHardDereference(boolean value) {
    return new Selection(
        excluded,
        uid,
        gid,
        uidOffset,
        gidOffset,
        latestSeconds,
        contexts,
        mountPoint,
        prefix,
        value);
  }

  static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  /** Paths as text of one character for each byte. */
  static final class Bytes {
    private Bytes() {}

    static String text(List<Name> names) {
      StringBuilder path = new StringBuilder();
      for (Name name : names) {
        path.append(path.isEmpty() ? "" : "/").append(text(name.bytes()));
      }
      return path.toString();
    }

    static String text(byte[] bytes) {
      return new String(bytes, StandardCharsets.ISO_8859_1);
    }
  }
}
