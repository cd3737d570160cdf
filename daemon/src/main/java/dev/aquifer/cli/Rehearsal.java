package dev.aquifer.cli;

import dev.aquifer.build.BuildResult;
import dev.aquifer.build.ImageBuilder;
import dev.aquifer.daemon.Daemon;
import dev.aquifer.daemon.ErrorText;
import dev.aquifer.daemon.Places;
import dev.aquifer.io.Errno;
import dev.aquifer.linux.ErrnoException;
import dev.aquifer.linux.MountCalls;
import dev.aquifer.mount.MountOptions;
import dev.aquifer.mount.MountSpec;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import org.slf4j.LoggerFactory;

/**
 * Takes over from a daemon in a scratch directory, several times, before the real one is asked to
 * hand over: readers then wait for code that is loaded and partly compiled. Cold, recovery and the
 * first misses take several times as long.
 */
final class Rehearsal {
  /** How its scratch directory's name begins. */
  static final String PREFIX = "aquifer-rehearsal-";

  private static final int ROUNDS = 4;

  /** Somebody waits for the real one to be replaced. */
  private static final Duration LIMIT = Duration.ofSeconds(5);

  private static final int FILE_BYTES = 16 << 20;
  private static final int READ_BYTES = 64 << 10;

  private final Scratch scratch;
  private final Places places;
  private final Path target;

  private Rehearsal(Scratch scratch) throws IOException {
    this.scratch = scratch;
    this.places = new Places(scratch.directory("run"), scratch.directory("cache"));
    this.target = scratch.directory("mnt");
  }

  /**
   * Leaves nothing behind. What goes wrong here is no reason not to take over.
   *
   * @return whether all went well
   */
  static boolean run() {
    try (Scratch scratch = Scratch.create(PREFIX);
        OnSignal ignored = OnSignal.close(scratch)) {
      new Rehearsal(scratch).play();
      return true;
    } catch (IOException | RuntimeException e) {
      LoggerFactory.getLogger(Rehearsal.class).debug("rehearsal: {}", ErrorText.of(e));
      return false;
    }
  }

  private void play() throws IOException {
    Path images = scratch.directory("images");
    build(images.resolve("image"));
    long deadline = System.nanoTime() + LIMIT.toNanos();
    try (Origin origin =
        Origin.start(images, InetAddress.getLoopbackAddress(), 0, Duration.ZERO, line -> {})) {
      String url = "http://127.0.0.1:%d/image".formatted(origin.port());
      int part = FILE_BYTES / ROUNDS;
      boolean isLast = false;
      for (int round = 0; !isLast; round++) {
        isLast = round == ROUNDS - 1 || System.nanoTime() > deadline;
        // A daemon that ends leaves its mounts to the next.
        try (Daemon daemon = scratch.add(Daemon.open(places, List.of()))) {
          daemon.serve();
          if (round == 0) {
            scratch.add(this::unmount);
            daemon.mount(new MountSpec(url, target, MountOptions.parse("prefetch=0")));
          }
          read((long) round * part, part);
          if (isLast) {
            daemon.umount(target, true);
          }
        }
      }
    }
  }

  /** Whatever was interrupted: with its mount gone, the keeper of the last daemon ends, too. */
  private void unmount() throws IOException {
    try {
      MountCalls.umount(target, true);
    } catch (ErrnoException e) {
      if (Errno.of(e.errno()) != Errno.EINVAL) {
        throw e;
      }
      // As it should be: nothing is mounted there.
    }
  }

  private void build(Path image) throws IOException {
    byte[] noise = new byte[FILE_BYTES];
    new Random(1).nextBytes(noise);
    Path source = scratch.directory("source");
    Files.write(source.resolve("noise"), noise);
    try (LinuxTree tree = LinuxTree.open(source)) {
      BuildResult unused = ImageBuilder.defaults().buildLayout(tree, image);
    }
  }

  private void read(long positionBytes, int lengthBytes) throws IOException {
    try (FileChannel file = FileChannel.open(target.resolve("noise"))) {
      ByteBuffer buffer = ByteBuffer.allocateDirect(READ_BYTES);
      for (long at = positionBytes; at < positionBytes + lengthBytes; at += READ_BYTES) {
        buffer.clear();
        if (file.read(buffer, at) < 0) {
          throw new IOException(target + ": is shorter than it was made");
        }
      }
    }
  }
}
