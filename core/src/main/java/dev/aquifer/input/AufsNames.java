package dev.aquifer.input;

import java.util.Arrays;

/** Names by which layers of container images hide what is in the layers below. */
final class AufsNames {
  /** What is wrong with a file below a mark. */
  static final String BELOW_MARK =
      "is below a name that begins with .wh., which only hides: expected none there";

  private static final byte[] MARK = {'.', 'w', 'h', '.'};
  private static final byte[] OWN = {'.', 'w', 'h', '.', '.', 'w', 'h', '.'};
  private static final byte[] OPAQUE = {'.', 'w', 'h', '.', '.', 'w', 'h', '.', '.', 'o', 'p', 'q'};

  private AufsNames() {}

  /** Whether it begins with {@code .wh.}, and so is no file's name. */
  static boolean isMark(byte[] name) {
    return begins(name, MARK);
  }

  /** Whether it is what AUFS keeps for itself, {@code .wh..wh..opq} among it. */
  static boolean isOwn(byte[] name) {
    return begins(name, OWN);
  }

  /** Whether it hides all that is in its directory. */
  static boolean isOpaque(byte[] name) {
    return Arrays.equals(name, OPAQUE);
  }

  /** The name that a mark hides. */
  static Name hidden(byte[] mark) {
    return Name.of(Arrays.copyOfRange(mark, MARK.length, mark.length));
  }

  /** Whether a mark hides something that can be a name. */
  static boolean hidesName(byte[] mark) {
    Name hidden = hidden(mark);
    return hidden.bytes().length > 0
        && !hidden.isDotDot()
        && !Arrays.equals(hidden.bytes(), new byte[] {'.'});
  }

  private static boolean begins(byte[] name, byte[] start) {
    return name.length >= start.length
        && Arrays.equals(name, 0, start.length, start, 0, start.length);
  }
}
