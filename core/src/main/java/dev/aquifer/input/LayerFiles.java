package dev.aquifer.input;

import dev.aquifer.image.FileType;
import dev.aquifer.io.ByteSource;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.function.Predicate;

/**
 * The regular files with data of one layer, by a number and in the order of its archive: what it
 * holds, whatever becomes of it in an image.
 */
final class LayerFiles extends ItemTree {
  private LayerFiles(String name) {
    super(name);
  }

  /** Lists the files of {@code archive}, which stays the caller's, that are {@code wanted}. */
  static LayerFiles of(String name, ByteSource archive, Predicate<TarEntry> wanted)
      throws IOException {
    LayerFiles files = new LayerFiles(name);
    TarReader reader = new TarReader(archive, false);
    for (TarEntry entry = reader.next(); entry != null; entry = reader.next()) {
      if (entry.type() == FileType.REGULAR && entry.sizeBytes() > 0 && wanted.test(entry)) {
        Item item = new Item(files.nextIno(), FileType.REGULAR, 0644);
        Unpacking.store(item, entry, archive);
        // As many digits for all, so that the order of names is that of numbers.
        byte[] number = "%010d".formatted(item.ino).getBytes(StandardCharsets.US_ASCII);
        files.rootItem().children.put(Name.of(number), item);
      }
    }
    return files;
  }

  @Override
  public void close() {}
}
