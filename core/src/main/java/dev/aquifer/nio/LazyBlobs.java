package dev.aquifer.nio;

import dev.aquifer.blob.CachedBlob;
import dev.aquifer.blob.Lease;
import dev.aquifer.blob.RemoteImage;
import dev.aquifer.image.DeviceSlot;
import dev.aquifer.image.Image;
import dev.aquifer.io.ByteSource;
import java.io.Closeable;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * The blobs of an image, opened when the first byte of any of them is read: who reads metadata
 * alone asks nothing for them. Safe for use by many threads.
 *
 * <p>Closing it closes the lease, and then waits for who opens them at that moment: after that the
 * cache's files rest.
 */
final class LazyBlobs implements Closeable {
  /** How long closing waits for an origin that does not answer. */
  private static final long MAX_CLOSE_MILLIS = 5_000;

  private final String name;
  private final Image bootstrap;
  private final RemoteImage remote;
  private final Lease lease;
  // Held while the blobs are opened: all who want a byte of them wait for that.
  private final ReentrantLock opening = new ReentrantLock();
  private volatile @Nullable List<CachedBlob> opened; // changed under opening

  /**
   * Asks nothing yet.
   *
   * @param name what messages call the bootstrap
   * @param bootstrap the image, whose device table is known to be the manifest's
   */
  LazyBlobs(String name, Image bootstrap, RemoteImage remote, Lease lease) {
    this.name = name;
    this.bootstrap = bootstrap;
    this.remote = remote;
    this.lease = lease;
  }

  /** The devices of the image, in order. */
  List<ByteSource> devices() throws IOException {
    if (bootstrap.deviceSlots().stream().anyMatch(slot -> slot.blocks() == 0)) {
      // Only the blobs themselves tell their sizes.
      return List.copyOf(open());
    }
    List<ByteSource> devices = new ArrayList<>();
    for (DeviceSlot slot : bootstrap.deviceSlots()) {
      long sizeBytes = slot.blocks() * bootstrap.superblock().blockSizeBytes();
      devices.add(new Device(slot, sizeBytes));
    }
    return devices;
  }

  private List<CachedBlob> open() throws IOException {
    List<CachedBlob> blobs = opened;
    if (blobs != null) {
      return blobs;
    }
    opening.lock();
    try {
      blobs = opened;
      if (blobs == null) {
        blobs = lease.openBlobs(remote);
        ManifestCheck.sizes(name, bootstrap, blobs);
        opened = blobs;
      }
      return blobs;
    } finally {
      opening.unlock();
    }
  }

  @Override
  public void close() throws IOException {
    lease.close();
    try {
      if (opening.tryLock(MAX_CLOSE_MILLIS, TimeUnit.MILLISECONDS)) {
        opening.unlock();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** One blob, as large as the bootstrap says. */
  private final class Device implements ByteSource {
    private final DeviceSlot slot;
    private final long sizeBytes;

    Device(DeviceSlot slot, long sizeBytes) {
      this.slot = slot;
      this.sizeBytes = sizeBytes;
    }

    @Override
    public String name() {
      return "blob " + slot.tag();
    }

    @Override
    public long sizeBytes() {
      return sizeBytes;
    }

    @Override
    public void read(long positionBytes, MemorySegment dst) throws IOException {
      checkRange(positionBytes, dst.byteSize());
      open().get(slot.device() - 1).read(positionBytes, dst);
    }

    @Override
    public void close() {}
  }
}
