package dev.aquifer.nio;

import java.io.IOException;
import java.nio.file.attribute.FileTime;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;

/**
 * Attributes by name, as {@link java.nio.file.Files#readAttributes(java.nio.file.Path, String,
 * java.nio.file.LinkOption...)} wants them: {@code view:name,name} or {@code view:*}. The names and
 * types are those that the JDK has on Linux.
 */
final class AttributeMap {
  /** The views with fixed names; {@code user} has what the file has. */
  static final Set<String> VIEWS = Set.of("basic", "owner", "posix", "unix", "user");

  private static final Map<String, Function<ErofsFileAttributes, Object>> BASIC =
      new LinkedHashMap<>();
  private static final Map<String, Function<ErofsFileAttributes, Object>> OWNER =
      Map.of("owner", ErofsFileAttributes::owner);
  private static final Map<String, Function<ErofsFileAttributes, Object>> POSIX;
  private static final Map<String, Function<ErofsFileAttributes, Object>> UNIX;

  static {
    BASIC.put("lastModifiedTime", ErofsFileAttributes::lastModifiedTime);
    BASIC.put("lastAccessTime", ErofsFileAttributes::lastAccessTime);
    BASIC.put("creationTime", ErofsFileAttributes::creationTime);
    BASIC.put("size", ErofsFileAttributes::size);
    BASIC.put("isRegularFile", ErofsFileAttributes::isRegularFile);
    BASIC.put("isDirectory", ErofsFileAttributes::isDirectory);
    BASIC.put("isSymbolicLink", ErofsFileAttributes::isSymbolicLink);
    BASIC.put("isOther", ErofsFileAttributes::isOther);
    BASIC.put("fileKey", ErofsFileAttributes::fileKey);
    POSIX = new LinkedHashMap<>(BASIC);
    POSIX.put("permissions", ErofsFileAttributes::permissions);
    POSIX.put("owner", ErofsFileAttributes::owner);
    POSIX.put("group", ErofsFileAttributes::group);
    UNIX = new LinkedHashMap<>(POSIX);
    UNIX.put("mode", facts -> facts.inode().mode());
    UNIX.put("ino", facts -> facts.inode().nid());
    UNIX.put("dev", ErofsFileAttributes::device);
    UNIX.put("rdev", ErofsFileAttributes::rdev);
    UNIX.put("nlink", facts -> (int) facts.inode().nlink());
    UNIX.put("uid", facts -> (int) facts.inode().uid());
    UNIX.put("gid", facts -> (int) facts.inode().gid());
    UNIX.put("ctime", AttributeMap::changeTime);
  }

  private AttributeMap() {}

  private static FileTime changeTime(ErofsFileAttributes facts) {
    return facts.lastModifiedTime();
  }

  /** Reads the attributes of a file. */
  interface Reader {
    ErofsFileAttributes attributes() throws IOException;

    UserAttributes user();
  }

  /**
   * The attributes that {@code wanted} names.
   *
   * @throws UnsupportedOperationException if there is no such view
   * @throws IllegalArgumentException if the view has no such attribute
   */
  static Map<String, Object> read(String wanted, Reader file) throws IOException {
    int colon = wanted.indexOf(':');
    String view = colon < 0 ? "basic" : wanted.substring(0, colon);
    List<String> names = List.of(wanted.substring(colon + 1).split(",", -1));
    return switch (view) {
      case "basic" -> pick(view, BASIC, names, file.attributes());
      case "owner" -> pick(view, OWNER, names, file.attributes());
      case "posix" -> pick(view, POSIX, names, file.attributes());
      case "unix" -> pick(view, UNIX, names, file.attributes());
      case "user" -> file.user().pick(names);
      default ->
          throw new UnsupportedOperationException(
              "view '%s': expected one of %s".formatted(view, VIEWS));
    };
  }

  private static Map<String, Object> pick(
      String view,
      Map<String, Function<ErofsFileAttributes, Object>> all,
      List<String> names,
      ErofsFileAttributes facts) {
    Map<String, Object> picked = new LinkedHashMap<>();
    for (String name : names) {
      if (name.equals("*")) {
        all.forEach((each, value) -> picked.put(each, value.apply(facts)));
        continue;
      }
      Function<ErofsFileAttributes, Object> value = all.get(name);
      if (value == null) {
        throw new IllegalArgumentException(
            "attribute '%s': view '%s' has %s".formatted(name, view, all.keySet()));
      }
      picked.put(name, value.apply(facts));
    }
    return picked;
  }
}
