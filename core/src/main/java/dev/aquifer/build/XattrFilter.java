package dev.aquifer.build;

import dev.aquifer.io.LittleEndian;
import java.lang.foreign.MemorySegment;

/**
 * The filter by which the kernel (6.6 and later) knows without a search that an inode has no
 * attribute of some name: one of 32 bits, chosen by XXH32 of the name without its name space, with
 * a seed that depends on the name space.
 */
public final class XattrFilter {
  private static final int SEED = 0x25BBE08F;

  private static final int PRIME_1 = 0x9E3779B1;
  private static final int PRIME_2 = 0x85EBCA77;
  private static final int PRIME_3 = 0xC2B2AE3D;
  private static final int PRIME_4 = 0x27D4EB2F;
  private static final int PRIME_5 = 0x165667B1;

  private XattrFilter() {}

  /** The bit, 0 to 31, of {@code name}, which comes after its name space of that number. */
  public static int bit(int nameSpace, byte[] name) {
    return xxh32(name, SEED + nameSpace) & 31;
  }

  /** XXH32 as its specification defines it. */
  static int xxh32(byte[] bytes, int seed) {
    MemorySegment data = MemorySegment.ofArray(bytes);
    int at = 0;
    int hash;
    if (bytes.length >= 16) {
      int[] lanes = {seed + PRIME_1 + PRIME_2, seed + PRIME_2, seed, seed - PRIME_1};
      for (; at <= bytes.length - 16; at += 16) {
        for (int lane = 0; lane < 4; lane++) {
          int word = (int) LittleEndian.u32(data, at + 4L * lane);
          lanes[lane] = Integer.rotateLeft(lanes[lane] + word * PRIME_2, 13) * PRIME_1;
        }
      }
      hash =
          Integer.rotateLeft(lanes[0], 1)
              + Integer.rotateLeft(lanes[1], 7)
              + Integer.rotateLeft(lanes[2], 12)
              + Integer.rotateLeft(lanes[3], 18);
    } else {
      hash = seed + PRIME_5;
    }
    hash += bytes.length;
    for (; at <= bytes.length - 4; at += 4) {
      hash = Integer.rotateLeft(hash + (int) LittleEndian.u32(data, at) * PRIME_3, 17) * PRIME_4;
    }
    for (; at < bytes.length; at++) {
      hash = Integer.rotateLeft(hash + (bytes[at] & 0xff) * PRIME_5, 11) * PRIME_1;
    }
    hash = (hash ^ hash >>> 15) * PRIME_2;
    hash = (hash ^ hash >>> 13) * PRIME_3;
    return hash ^ hash >>> 16;
  }
}
