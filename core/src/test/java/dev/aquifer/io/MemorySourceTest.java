package dev.aquifer.io;

class MemorySourceTest extends ByteSourceContract {
  @Override
  ByteSource sourceOf(byte[] bytes) {
    return ByteSource.of("memory", bytes);
  }
}
