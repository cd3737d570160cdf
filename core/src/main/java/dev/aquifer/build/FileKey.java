package dev.aquifer.build;

/** Two names with the same key are one file. */
record FileKey(long dev, long ino) {
  static FileKey of(FileStat stat) {
    return new FileKey(stat.dev(), stat.ino());
  }
}
