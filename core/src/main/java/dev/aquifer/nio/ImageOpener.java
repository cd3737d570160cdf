package dev.aquifer.nio;

import dev.aquifer.blob.Backend;
import dev.aquifer.blob.CachedBlob;
import dev.aquifer.blob.CachedBootstrap;
import dev.aquifer.blob.Lease;
import dev.aquifer.blob.ObjectUrl;
import dev.aquifer.blob.RemoteImage;
import dev.aquifer.blob.Shown;
import dev.aquifer.image.Image;
import dev.aquifer.io.BackendException;
import dev.aquifer.io.ByteSource;
import dev.aquifer.io.Errno;
import dev.aquifer.io.FileSource;
import dev.aquifer.io.NamedSource;
import dev.aquifer.io.RefusedException;
import java.io.IOException;
import java.net.URI;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** Finds out what a reference is, and opens it. For one image, by one thread. */
final class ImageOpener {
  /** Where mkfs.erofs puts a directory, inodes of what is in it are before and behind. */
  private static final long READ_BEHIND_BYTES = 2 << 20;

  private final OpenOptions options;
  private final Held held = new Held();

  /** Opened later than the lease, and closed after it, which uses them. */
  private final Held origins = held.add(new Held());

  private @Nullable Lease lease;

  ImageOpener(OpenOptions options) {
    this.options = options;
  }

  /** A way to open. */
  private interface Opener {
    OpenedImage open() throws IOException;
  }

  OpenedImage open(String reference) throws IOException {
    return open(
        () -> ObjectUrl.isUrl(reference) ? remote(reference) : local(reference, pathOf(reference)));
  }

  OpenedImage open(Path path) throws IOException {
    return open(() -> local(path.toString(), path));
  }

  private OpenedImage open(Opener opener) throws IOException {
    try {
      return opener.open();
    } catch (IOException | RuntimeException | Error e) {
      held.closeAfter(e);
      throw e;
    }
  }

  private OpenedImage local(String reference, Path path) throws IOException {
    if (!Files.exists(path)) {
      throw new RefusedException(Errno.ENOENT, reference + ": no such file or directory");
    }
    if (!Files.isDirectory(path)) {
      return raw(reference, part(path));
    }
    checkNothingIsGiven(reference);
    if (!Files.exists(path.resolve("index.json"))
        || !path.getFileSystem().equals(FileSystems.getDefault())) {
      throw refused(
          reference
              + ": is no image: expected a file, or a directory with index.json in it, as `aquifer build` makes it");
    }
    String real = path.toRealPath().toString();
    return aquifer(reference, real, RemoteImage.open(backends(real)));
  }

  private OpenedImage remote(String url) throws IOException {
    if (!options.devices().isEmpty() || options.offsetBytes() > 0) {
      return raw(Shown.url(url), part(url));
    }
    RemoteImage remote;
    try {
      remote = RemoteImage.open(backends(url));
    } catch (BackendException e) {
      boolean mayBeFile = !e.isTransient() && options.mirrors().isEmpty();
      CachedBlob file = mayBeFile ? erofsFile(url) : null;
      if (file == null) {
        throw e;
      }
      return raw(Shown.url(url), file);
    }
    return aquifer(Shown.url(url), url, remote);
  }

  /** The origin of a layout, and its mirrors. */
  private List<Backend> backends(String location) throws IOException {
    List<Backend> backends = new ArrayList<>();
    backends.add(origins.add(Backend.open(location)));
    for (String mirror : options.mirrors()) {
      String place = ObjectUrl.isUrl(mirror) ? mirror : directoryOf(mirror);
      backends.add(origins.add(Backend.open(place)));
    }
    return backends;
  }

  private static String directoryOf(String mirror) throws IOException {
    Path path = pathOf(mirror);
    if (!Files.isDirectory(path)) {
      throw new RefusedException(
          Errno.ENOENT, mirror + ": no such directory: expected a mirror's image layout");
    }
    return path.toRealPath().toString();
  }

  /** The file at {@code url}, if it has a file system. */
  private @Nullable CachedBlob erofsFile(String url) {
    try {
      CachedBlob file = part(ObjectUrl.of(url), url);
      return ErofsMagic.isAt(file) ? file : null;
    } catch (IOException e) {
      // Then the first failure, of the layout, is what matters.
      return null;
    }
  }

  private OpenedImage aquifer(String name, String reference, RemoteImage remote)
      throws IOException {
    Lease member = lease(reference);
    CachedBootstrap file = member.bootstrap(remote);
    String bootstrapName = name + ": bootstrap " + file.digest();
    Image bootstrap = Image.open(held.add(new NamedSource(bootstrapName, file.source())));
    ManifestCheck.slots(bootstrapName, bootstrap, remote.manifest());
    LazyBlobs blobs = held.add(new LazyBlobs(bootstrapName, bootstrap, remote, member));
    return new OpenedImage(name, bootstrap.withDevices(blobs.devices()), true, held);
  }

  /** An image that other tools made, of which nothing is proven. */
  private OpenedImage raw(String name, ByteSource file) throws IOException {
    if (!options.mirrors().isEmpty()) {
      throw refused(
          name
              + ": is a file: expected an image layout, as mirrors are given: nothing proves that they have the same file");
    }
    if (file instanceof CachedBlob blob) {
      blob.setReadBehindBytes(READ_BEHIND_BYTES);
    }
    Image image = Image.open(fileSystem(name, file));
    if (!options.devices().isEmpty()) {
      List<ByteSource> devices = new ArrayList<>();
      for (String device : options.devices()) {
        devices.add(part(device));
      }
      image = image.withDevices(devices);
    }
    return new OpenedImage(name, image, false, held);
  }

  private ByteSource fileSystem(String name, ByteSource file) throws IOException {
    long offset = options.offsetBytes();
    if (offset == 0) {
      return file;
    }
    if (offset > file.sizeBytes()) {
      throw refused(
          "%s: has %d bytes: no file system can begin at byte %d of it"
              .formatted(name, file.sizeBytes(), offset));
    }
    return file.slice(offset, file.sizeBytes() - offset);
  }

  /** A file, local or remote. */
  private ByteSource part(String reference) throws IOException {
    if (!ObjectUrl.isUrl(reference)) {
      return part(pathOf(reference));
    }
    return part(ObjectUrl.of(reference), reference);
  }

  private CachedBlob part(ObjectUrl object, String reference) throws IOException {
    Backend backend = origins.add(Backend.open(object.location()));
    return lease(reference).openUnverified(backend, object.key());
  }

  private ByteSource part(Path path) throws IOException {
    if (!Files.exists(path)) {
      throw new RefusedException(Errno.ENOENT, path + ": no such file");
    }
    if (!Files.isRegularFile(path)) {
      throw new RefusedException(Errno.EINVAL, path + ": is no regular file");
    }
    return held.add(FileSource.open(path));
  }

  private void checkNothingIsGiven(String reference) throws RefusedException {
    if (!options.devices().isEmpty()) {
      throw refused(
          reference
              + ": devices are given, which is for images made by other tools: this image's manifest names its blobs");
    }
    if (options.offsetBytes() > 0) {
      throw refused(
          "%s: is an image layout: no file system can begin at byte %d of it"
              .formatted(reference, options.offsetBytes()));
    }
  }

  private Lease lease(String reference) throws IOException {
    Lease known = lease;
    if (known == null) {
      known = held.add(held.add(SharedCache.open(options)).join(reference));
      lease = known;
    }
    return known;
  }

  private static Path pathOf(String reference) throws RefusedException {
    if (reference.isEmpty()) {
      // For Java it is the directory that the process is in, which nobody meant who wrote nothing.
      throw new RefusedException(Errno.ENOENT, "'': no such file or directory");
    }
    String lower = reference.toLowerCase(Locale.ROOT);
    try {
      if (lower.startsWith("file:")) {
        return Path.of(URI.create(reference));
      }
      if (!lower.matches("[a-z][a-z0-9+.-]*://.*")) {
        return Path.of(reference);
      }
    } catch (IllegalArgumentException e) {
      // Said below.
    }
    throw refused(
        "'%s': expected a path, file:///path, http://… or https://…"
            .formatted(Shown.url(reference)));
  }

  private static RefusedException refused(String why) {
    return new RefusedException(Errno.EINVAL, why);
  }
}
