package dev.aquifer.cli;

import dev.aquifer.image.FileType;

/** Modes as {@code ls -l} shows them: {@code drwxr-xr-t}. */
final class FileMode {
  private FileMode() {}

  static String text(FileType type, int permissions) {
    char[] text = new char[10];
    text[0] = letter(type);
    for (int i = 0; i < 9; i++) {
      text[i + 1] = (permissions & 0400 >> i) != 0 ? "rwx".charAt(i % 3) : '-';
    }
    special(text, 3, (permissions & 04000) != 0, 's');
    special(text, 6, (permissions & 02000) != 0, 's');
    special(text, 9, (permissions & 01000) != 0, 't');
    return new String(text);
  }

  private static void special(char[] text, int at, boolean isSet, char letter) {
    if (isSet) {
      text[at] = text[at] == 'x' ? letter : Character.toUpperCase(letter);
    }
  }

  private static char letter(FileType type) {
    return switch (type) {
      case REGULAR -> '-';
      case DIRECTORY -> 'd';
      case SYMBOLIC_LINK -> 'l';
      case CHARACTER_DEVICE -> 'c';
      case BLOCK_DEVICE -> 'b';
      case FIFO -> 'p';
      case SOCKET -> 's';
    };
  }
}
