package dev.aquifer.nio;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.FileSystemException;
import java.nio.file.ReadOnlyFileSystemException;
import java.nio.file.attribute.UserDefinedFileAttributeView;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/** The extended attributes of a file whose names begin with {@code user.}, without that. */
final class UserAttributes implements UserDefinedFileAttributeView {
  private static final String PREFIX = "user.";

  private final String path;
  private final Reader reader;

  /** Reads all extended attributes by full name. */
  interface Reader {
    SortedMap<String, byte[]> xattrs() throws IOException;
  }

  UserAttributes(String path, Reader reader) {
    this.path = path;
    this.reader = reader;
  }

  private SortedMap<String, byte[]> all() throws IOException {
    SortedMap<String, byte[]> attributes = new TreeMap<>();
    reader
        .xattrs()
        .forEach(
            (name, value) -> {
              if (name.startsWith(PREFIX)) {
                attributes.put(name.substring(PREFIX.length()), value);
              }
            });
    return attributes;
  }

  private byte[] value(String name) throws IOException {
    byte[] value = all().get(name);
    if (value == null) {
      throw new FileSystemException(path, null, "has no attribute user." + name);
    }
    return value;
  }

  /** The attributes that {@code names} lists, {@code *} for all. */
  Map<String, Object> pick(List<String> names) throws IOException {
    Map<String, Object> picked = new LinkedHashMap<>();
    for (String name : names) {
      if (name.equals("*")) {
        picked.putAll(all());
      } else {
        picked.put(name, value(name));
      }
    }
    return picked;
  }

  @Override
  public String name() {
    return "user";
  }

  @Override
  public List<String> list() throws IOException {
    return List.copyOf(all().keySet());
  }

  @Override
  public int size(String name) throws IOException {
    return value(name).length;
  }

  @Override
  public int read(String name, ByteBuffer dst) throws IOException {
    byte[] value = value(name);
    if (dst.isReadOnly()) {
      throw new IllegalArgumentException("the buffer is read-only");
    }
    if (dst.remaining() < value.length) {
      throw new FileSystemException(
          path,
          null,
          "attribute user.%s has %d bytes, more than the %d of the buffer"
              .formatted(name, value.length, dst.remaining()));
    }
    dst.put(value);
    return value.length;
  }

  @Override
  public int write(String name, ByteBuffer src) {
    throw new ReadOnlyFileSystemException();
  }

  @Override
  public void delete(String name) {
    throw new ReadOnlyFileSystemException();
  }
}
