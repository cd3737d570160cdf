package dev.aquifer.mount;

import dev.aquifer.linux.Descriptors.FileId;
import dev.aquifer.linux.Fanotify;
import dev.aquifer.linux.FanotifyEvents;
import java.io.Closeable;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The events that were read and not answered, in a file that outlives this process: so a successor
 * can answer what its predecessor had read. The kernel knows an event by the number of the
 * descriptor that came with it.
 *
 * <p>The kernel writes events straight into the file's first part; what is not answered at once is
 * noted in a slot before the next events are read. So at each moment, in the middle of a system
 * call, too, every unanswered event is in one of the two. What is in there and answered already
 * does no harm: the kernel then knows no such number.
 *
 * <table>
 * <caption>file, native byte order: it is for this machine and this boot</caption>
 * <tr><th>offset</th><th>width</th><th>field</th><th>meaning</th></tr>
 * <tr><td>0</td><td>8</td><td>magic</td><td>{@code AQEVENT} and the version, 1</td></tr>
 * <tr><td>4096</td><td>8192</td><td>events</td><td>as the kernel wrote them last</td></tr>
 * <tr><td>12288</td><td>40 n</td><td>slots</td><td>that of descriptor number i is the i-th</td></tr>
 * </table>
 *
 * <table>
 * <caption>slot, 40 bytes</caption>
 * <tr><th>offset</th><th>width</th><th>field</th><th>meaning</th></tr>
 * <tr><td>0</td><td>8</td><td>state</td><td>1: waits for an answer; 0: free</td></tr>
 * <tr><td>8</td><td>16</td><td>file</td><td>device and inode number</td></tr>
 * <tr><td>24</td><td>16</td><td>range</td><td>first byte, count of bytes</td></tr>
 * </table>
 *
 * <p>The file is mapped into memory, so it must not lie on anything that this process serves. Safe
 * for use by many threads, as a number has one user at a time.
 */
final class Journal implements Closeable {
  /** Events with a higher descriptor number are denied. */
  static final int MAX_FDS = 1 << 16;

  private static final long MAGIC = 0x0154_4e45_5645_5141L; // "AQEVENT\1"
  private static final long EVENTS_AT = 4096;
  private static final long SLOTS_AT = EVENTS_AT + FanotifyEvents.BUFFER_BYTES;
  private static final long SLOT_BYTES = 40;
  private static final long FILE_BYTES = SLOTS_AT + MAX_FDS * SLOT_BYTES;

  private final Arena arena;
  private final MemorySegment memory;
  private final boolean isNew;
  private volatile boolean isClosed;

  private Journal(Arena arena, MemorySegment memory, boolean isNew) {
    this.arena = arena;
    this.memory = memory;
    this.isNew = isNew;
  }

  /**
   * An event that a predecessor read and perhaps did not answer.
   *
   * @param file what it is about; null if that was not noted yet
   */
  record Orphan(int eventFd, @Nullable FileId file, long offsetBytes, long lengthBytes) {}

  /** Makes a new, empty one in the place of any other. */
  static Journal create(Path file) throws IOException {
    return map(
        file,
        StandardOpenOption.CREATE,
        StandardOpenOption.TRUNCATE_EXISTING,
        StandardOpenOption.READ,
        StandardOpenOption.WRITE);
  }

  /** Opens a predecessor's; null if it is not one. */
  static @Nullable Journal open(Path file) throws IOException {
    try (FileChannel channel = FileChannel.open(file)) {
      if (channel.size() != FILE_BYTES) {
        return null;
      }
    } catch (java.nio.file.NoSuchFileException e) {
      return null;
    }
    Journal journal = map(file, StandardOpenOption.READ, StandardOpenOption.WRITE);
    if (journal.memory.get(ValueLayout.JAVA_LONG, 0) == MAGIC) {
      return journal;
    }
    journal.close();
    return null;
  }

  private static Journal map(Path file, StandardOpenOption... how) throws IOException {
    Arena arena = Arena.ofShared();
    try (FileChannel channel = FileChannel.open(file, how)) {
      MemorySegment memory = channel.map(FileChannel.MapMode.READ_WRITE, 0, FILE_BYTES, arena);
      boolean isNew = List.of(how).contains(StandardOpenOption.CREATE);
      if (isNew) {
        memory.set(ValueLayout.JAVA_LONG, 0, MAGIC);
      }
      return new Journal(arena, memory, isNew);
    } catch (IOException | RuntimeException e) {
      arena.close();
      throw e;
    }
  }

  /** Where events are to be read into. */
  MemorySegment events() {
    return memory.asSlice(EVENTS_AT, FanotifyEvents.BUFFER_BYTES);
  }

  /** Notes an event; to be called before the next ones are read. */
  void add(int eventFd, FileId file, long offsetBytes, long lengthBytes) {
    MemorySegment slot = slot(eventFd);
    slot.set(ValueLayout.JAVA_LONG, 8, file.device());
    slot.set(ValueLayout.JAVA_LONG, 16, file.inode());
    slot.set(ValueLayout.JAVA_LONG, 24, offsetBytes);
    slot.set(ValueLayout.JAVA_LONG, 32, lengthBytes);
    // A successor must find all of it or nothing.
    VarHandle.releaseFence();
    slot.set(ValueLayout.JAVA_LONG, 0, 1);
  }

  /**
   * The event is answered. To be called before its descriptor is closed: the number is free then.
   */
  void remove(int eventFd) {
    slot(eventFd).set(ValueLayout.JAVA_LONG, 0, 0);
    VarHandle.fullFence();
  }

  private MemorySegment slot(int eventFd) {
    return memory.asSlice(SLOTS_AT + eventFd * SLOT_BYTES, SLOT_BYTES);
  }

  /**
   * What a predecessor left. Noted anew, so that it is here for a successor of this process, too.
   */
  List<Orphan> orphans(Fanotify group) {
    if (isNew) {
      return List.of();
    }
    Map<Integer, Orphan> orphans = new LinkedHashMap<>();
    for (int fd = 0; fd < MAX_FDS; fd++) {
      MemorySegment slot = slot(fd);
      if (slot.get(ValueLayout.JAVA_LONG, 0) != 0) {
        FileId file =
            new FileId(slot.get(ValueLayout.JAVA_LONG, 8), slot.get(ValueLayout.JAVA_LONG, 16));
        // As the slot of one that was noted without knowing its file.
        boolean isKnown = file.inode() != 0;
        orphans.put(
            fd,
            new Orphan(
                fd,
                isKnown ? file : null,
                slot.get(ValueLayout.JAVA_LONG, 24),
                slot.get(ValueLayout.JAVA_LONG, 32)));
      }
    }
    try (Arena scratch = Arena.ofConfined()) {
      FanotifyEvents events = new FanotifyEvents(group, events(), scratch);
      events.reread();
      while (events.next()) {
        int fd = events.fd();
        if (fd >= 0 && fd < MAX_FDS && !orphans.containsKey(fd)) {
          long offset = events.hasRange() ? events.offsetBytes() : 0;
          long length = events.hasRange() ? events.lengthBytes() : Long.MAX_VALUE;
          orphans.put(fd, new Orphan(fd, null, offset, length));
          add(fd, new FileId(0, 0), offset, length);
        }
      }
    } catch (IllegalStateException e) {
      // Nonsense after the last whole event.
    }
    return new ArrayList<>(orphans.values());
  }

  /** Idempotent. Nobody may use it any more. */
  @Override
  public void close() {
    if (!isClosed) {
      isClosed = true;
      arena.close();
    }
  }
}
