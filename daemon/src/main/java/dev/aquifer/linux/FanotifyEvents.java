package dev.aquifer.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * A batch of events of a {@link Fanotify} group, walked one by one. Reading, walking and answering
 * allocate nothing: a marked file costs an event for each page-cache miss.
 *
 * <table>
 * <caption>struct fanotify_event_metadata, 24 bytes</caption>
 * <tr><th>offset</th><th>width</th><th>field</th><th>meaning</th></tr>
 * <tr><td>0</td><td>4</td><td>event_len</td><td>length with all records</td></tr>
 * <tr><td>4</td><td>1</td><td>vers</td><td>3</td></tr>
 * <tr><td>6</td><td>2</td><td>metadata_len</td><td>where the records start: 24</td></tr>
 * <tr><td>8</td><td>8</td><td>mask</td><td>what happened</td></tr>
 * <tr><td>16</td><td>4</td><td>fd</td><td>the file, opened for us; -1 for an overflow</td></tr>
 * <tr><td>20</td><td>4</td><td>pid</td><td>who waits</td></tr>
 * </table>
 *
 * <table>
 * <caption>struct fanotify_event_info_range, 24 bytes, follows</caption>
 * <tr><th>offset</th><th>width</th><th>field</th><th>meaning</th></tr>
 * <tr><td>0</td><td>1</td><td>info_type</td><td>6</td></tr>
 * <tr><td>2</td><td>2</td><td>len</td><td>24</td></tr>
 * <tr><td>8</td><td>8</td><td>offset</td><td>first byte that is wanted</td></tr>
 * <tr><td>16</td><td>8</td><td>count</td><td>how many bytes</td></tr>
 * </table>
 *
 * <p>Source: include/uapi/linux/fanotify.h. Confined to one thread, a platform thread.
 */
public final class FanotifyEvents {
  /** The size of the memory that events are read into. */
  public static final int BUFFER_BYTES = 8192;

  private static final int METADATA_BYTES = 24;
  private static final int VERSION = 3;
  private static final int RANGE_RECORD = 6;
  private static final int RANGE_BYTES = 24;
  private static final long Q_OVERFLOW = 0x4000;
  private static final int EAGAIN = 11;
  private static final int EINTR = 4;

  private final Fanotify group;
  private final MemorySegment buffer;
  private final MemorySegment stat;
  private final MemorySegment response;
  private long endBytes;
  private long at;
  private long next;
  private long range;

  /**
   * A reader of {@code group}'s events.
   *
   * @param buffer what events are read into, {@link #BUFFER_BYTES} of native memory; if it outlives
   *     the process, so does the knowledge of what was read and not answered
   * @param arena for what else is needed
   */
  public FanotifyEvents(Fanotify group, MemorySegment buffer, Arena arena) {
    this.group = group;
    this.buffer = buffer;
    this.stat = arena.allocate(Descriptors.STAT_BYTES, 8);
    this.response = arena.allocate(8, 8);
  }

  /**
   * Takes the events that are there, without waiting; the walk starts before the first.
   *
   * @throws ErrnoException EMFILE, ENFILE or ENOMEM if the kernel could not open a file for us (it
   *     has denied that event); others if the group is no more
   */
  public void read() throws ErrnoException {
    endBytes = 0;
    next = 0;
    // Whoever finds the buffer after this process must not take old events for new ones.
    buffer.set(JAVA_INT, 0, 0);
    long length = Descriptors.read(group.fd(), buffer);
    if (length >= 0) {
      endBytes = length;
      if (length <= buffer.byteSize() - 4) {
        buffer.set(JAVA_INT, length, 0);
      }
    } else if (Native.errno() != EAGAIN && Native.errno() != EINTR) {
      throw new ErrnoException("read(fanotify)", Native.errno());
    }
  }

  /** Starts the walk over what another process read into the buffer. */
  public void reread() {
    long length = 0;
    next = 0;
    while (length <= buffer.byteSize() - METADATA_BYTES
        && buffer.get(JAVA_INT, length) >= METADATA_BYTES
        && buffer.get(JAVA_INT, length) <= buffer.byteSize() - length) {
      length += buffer.get(JAVA_INT, length);
    }
    endBytes = length;
  }

  /**
   * Goes on to the next event.
   *
   * @return whether there is one
   * @throws IllegalStateException if the kernel speaks another version, or nonsense
   */
  public boolean next() {
    if (next >= endBytes) {
      return false;
    }
    at = next;
    long length = buffer.get(JAVA_INT, at) & 0xffff_ffffL;
    if (length < METADATA_BYTES
        || length > endBytes - at
        || buffer.get(JAVA_BYTE, at + 4) != VERSION) {
      throw new IllegalStateException(
          "fanotify event of version %d and %d bytes: expected version %d"
              .formatted(buffer.get(JAVA_BYTE, at + 4), length, VERSION));
    }
    next = at + length;
    range = findRange();
    return true;
  }

  private long findRange() {
    long record = at + (buffer.get(JAVA_SHORT, at + 6) & 0xffff);
    while (record + 4 <= next) {
      int length = buffer.get(JAVA_SHORT, record + 2) & 0xffff;
      if (length < 4 || record + length > next) {
        return -1;
      }
      if (buffer.get(JAVA_BYTE, record) == RANGE_RECORD && length >= RANGE_BYTES) {
        return record;
      }
      record += length;
    }
    return -1;
  }

  /** Whether this event says that others were lost. */
  public boolean isOverflow() {
    return (buffer.get(JAVA_LONG, at + 8) & Q_OVERFLOW) != 0;
  }

  /** The descriptor that came with the event, ours to close; negative if there is none. */
  public int fd() {
    return buffer.get(JAVA_INT, at + 16);
  }

  /** Whether the kernel said which bytes are wanted. */
  public boolean hasRange() {
    return range >= 0;
  }

  /** The first byte that is wanted. */
  public long offsetBytes() {
    return buffer.get(JAVA_LONG, range + 8);
  }

  /** How many bytes are wanted. */
  public long lengthBytes() {
    return buffer.get(JAVA_LONG, range + 16);
  }

  /** Looks up which file the event is about, for {@link #device} and {@link #inode}. */
  public boolean identify() {
    return Descriptors.fstat(fd(), stat) == 0;
  }

  /** The file's device number, after {@link #identify}. */
  public long device() {
    return Descriptors.statDevice(stat);
  }

  /** The file's inode number, after {@link #identify}. */
  public long inode() {
    return Descriptors.statInode(stat);
  }

  /** Answers the event and closes its descriptor. */
  public void answer(int response) {
    group.answer(fd(), response, this.response);
    Descriptors.close(fd());
  }
}
