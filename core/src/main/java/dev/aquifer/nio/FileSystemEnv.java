package dev.aquifer.nio;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Turns the map that a file system is opened with into options. */
final class FileSystemEnv {
  private FileSystemEnv() {}

  /**
   * The options in {@code env}; keys that are none of ours are somebody else's.
   *
   * @throws IllegalArgumentException if a value is not of the kind that its key wants
   */
  static OpenOptions options(Map<String, ?> env) {
    OpenOptions options = OpenOptions.DEFAULT;
    for (Map.Entry<String, ?> entry : env.entrySet()) {
      Object value = entry.getValue();
      options =
          switch (entry.getKey()) {
            case ErofsFileSystemProvider.DEVICES ->
                options.withDevices(references(entry.getKey(), value));
            case ErofsFileSystemProvider.MIRRORS ->
                options.withMirrors(references(entry.getKey(), value));
            case ErofsFileSystemProvider.OFFSET -> options.withOffsetBytes(offset(value));
            case ErofsFileSystemProvider.DOMAIN ->
                options.withDomainId(text(entry.getKey(), value));
            case ErofsFileSystemProvider.IN_MEMORY -> options.withInMemory(flag(value));
            case ErofsFileSystemProvider.CACHE -> options.withCacheDirectory(path(value));
            default -> options;
          };
    }
    return options;
  }

  private static List<String> references(String key, @Nullable Object value) {
    if (value instanceof List<?> list) {
      return list.stream().map(reference -> text(key, reference)).toList();
    }
    return List.of(text(key, value));
  }

  private static long offset(@Nullable Object value) {
    if (value instanceof Number number) {
      return number.longValue();
    }
    try {
      return Long.parseLong(String.valueOf(value));
    } catch (NumberFormatException e) {
      throw wrong(ErofsFileSystemProvider.OFFSET, value, "a number of bytes");
    }
  }

  private static boolean flag(@Nullable Object value) {
    return switch (String.valueOf(value)) {
      case "true" -> true;
      case "false" -> false;
      default -> throw wrong(ErofsFileSystemProvider.IN_MEMORY, value, "true or false");
    };
  }

  private static Path path(@Nullable Object value) {
    return value instanceof Path path ? path : Path.of(text(ErofsFileSystemProvider.CACHE, value));
  }

  private static String text(String key, @Nullable Object value) {
    if (value instanceof String || value instanceof Path) {
      return value.toString();
    }
    throw wrong(key, value, "text");
  }

  private static IllegalArgumentException wrong(
      String key, @Nullable Object value, String expected) {
    return new IllegalArgumentException("%s '%s': expected %s".formatted(key, value, expected));
  }
}
