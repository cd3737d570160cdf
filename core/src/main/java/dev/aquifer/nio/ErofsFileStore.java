package dev.aquifer.nio;

import dev.aquifer.image.DeviceSlot;
import dev.aquifer.image.Image;
import java.nio.file.FileStore;
import java.nio.file.attribute.BasicFileAttributeView;
import java.nio.file.attribute.FileAttributeView;
import java.nio.file.attribute.FileOwnerAttributeView;
import java.nio.file.attribute.FileStoreAttributeView;
import java.nio.file.attribute.PosixFileAttributeView;
import java.nio.file.attribute.UserDefinedFileAttributeView;
import org.jspecify.annotations.Nullable;

/** An image as a store: its size, and no room. */
final class ErofsFileStore extends FileStore {
  private final String name;
  private final Image image;

  ErofsFileStore(String name, Image image) {
    this.name = name;
    this.image = image;
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public String type() {
    return "erofs";
  }

  @Override
  public boolean isReadOnly() {
    return true;
  }

  /** That of the image and its devices. */
  @Override
  public long getTotalSpace() {
    long blocks = image.superblock().blocks();
    for (DeviceSlot slot : image.deviceSlots()) {
      blocks += slot.blocks();
    }
    return blocks > Long.MAX_VALUE / getBlockSize() ? Long.MAX_VALUE : blocks * getBlockSize();
  }

  @Override
  public long getUsableSpace() {
    return 0;
  }

  @Override
  public long getUnallocatedSpace() {
    return 0;
  }

  @Override
  public long getBlockSize() {
    return image.superblock().blockSizeBytes();
  }

  @Override
  public boolean supportsFileAttributeView(Class<? extends FileAttributeView> type) {
    return type == BasicFileAttributeView.class
        || type == FileOwnerAttributeView.class
        || type == PosixFileAttributeView.class
        || type == UserDefinedFileAttributeView.class;
  }

  @Override
  public boolean supportsFileAttributeView(String view) {
    return AttributeMap.VIEWS.contains(view);
  }

  @Override
  public <V extends FileStoreAttributeView> @Nullable V getFileStoreAttributeView(Class<V> type) {
    return null;
  }

  @Override
  public Object getAttribute(String attribute) {
    return switch (attribute) {
      case "totalSpace" -> getTotalSpace();
      case "usableSpace" -> getUsableSpace();
      case "unallocatedSpace" -> getUnallocatedSpace();
      default ->
          throw new UnsupportedOperationException(
              "attribute '%s': expected totalSpace, usableSpace or unallocatedSpace"
                  .formatted(attribute));
    };
  }

  @Override
  public String toString() {
    return name;
  }
}
