package dev.aquifer.tool;

import org.jspecify.annotations.Nullable;

/**
 * One thing in which two trees differ.
 *
 * @param path where, as of {@link PathText#percent}
 * @param what {@code only} if the path is in one tree alone, else the property: {@code type},
 *     {@code mode}, {@code uid}, {@code gid}, {@code nlink}, {@code mtime}, {@code rdev}, {@code
 *     target}, {@code size}, {@code data}, or {@code xattr} and a name
 * @param a what it is in the first tree; null if it is not there
 * @param b what it is in the second tree; null if it is not there
 */
public record Difference(String path, String what, @Nullable String a, @Nullable String b) {
  /** One JSON object with the keys {@code path}, {@code what}, {@code a} and {@code b}. */
  public JsonObject json() {
    return new JsonObject().put("path", path).put("what", what).put("a", a).put("b", b);
  }
}
