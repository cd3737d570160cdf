package dev.aquifer.cli;

import dev.aquifer.blob.Backend;
import dev.aquifer.blob.CacheStore;
import dev.aquifer.blob.CachedBlob;
import dev.aquifer.blob.Domains;
import dev.aquifer.blob.Fetcher;
import dev.aquifer.blob.Lease;
import dev.aquifer.blob.RemoteImage;
import dev.aquifer.image.Image;
import dev.aquifer.io.ByteSource;
import dev.aquifer.io.FileSource;
import dev.aquifer.io.Sha256;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.List;

/**
 * Reads the demo's images within this process: the files that starting Java reads, compared with
 * the JDK that they were built from.
 */
final class DemoLibrary implements DemoReader {
  /** What `java -version` reads, more or less. */
  private static final List<String> FILES =
      List.of(
          "release",
          "bin/java",
          "lib/jvm.cfg",
          "lib/libjli.so",
          "lib/libjava.so",
          "lib/libjimage.so",
          "lib/libnio.so",
          "lib/libzip.so",
          "lib/server/libjvm.so",
          "lib/server/classes.jsa");

  /** The class library is large; the start of a program reads a part of it. */
  private static final String MODULES = "lib/modules";

  private static final long MODULES_BYTES = 8 << 20;
  private static final int BUFFER_BYTES = 1 << 20;

  private final Scratch scratch;
  private final Path jdk;
  private final Path changes;
  private final Domains domains;

  DemoLibrary(Scratch scratch, Path jdk, Path changes, Path cache) throws IOException {
    this.scratch = scratch;
    this.jdk = jdk;
    this.changes = changes;
    CacheStore store = scratch.add(CacheStore.open(cache));
    this.domains = new Domains(store, scratch.add(new Fetcher()));
  }

  @Override
  public String mode() {
    return "library";
  }

  @Override
  public String use(String url, String fsid, boolean isSecond) throws IOException {
    Backend backend = scratch.add(Backend.open(url));
    Lease lease = scratch.add(domains.join(DemoCommand.DOMAIN, fsid, "demo"));
    RemoteImage remote = RemoteImage.open(backend);
    ByteSource bootstrap = scratch.add(lease.bootstrap(remote).source());
    List<CachedBlob> blobs = lease.openBlobs(remote);
    Image image = Image.open(bootstrap).withDevices(new ArrayList<>(blobs));
    List<String> names = new ArrayList<>(FILES);
    names.add(MODULES);
    if (isSecond) {
      names.addAll(List.of("app/CHECKSUMS", "app/data-1.bin", "app/data-2.bin"));
    }
    int count = 0;
    long bytes = 0;
    for (String name : names) {
      Path original = original(name, isSecond);
      // Some distributions keep parts of a JDK elsewhere, behind links.
      if (Files.isRegularFile(original, LinkOption.NOFOLLOW_LINKS)) {
        bytes += compare(name, image.open(image.lookup(name)), original);
        count++;
      }
    }
    return "%d files, %s compared with %s".formatted(count, ByteCount.text(bytes), jdk);
  }

  private Path original(String name, boolean isSecond) {
    Path changed = changes.resolve(name);
    return isSecond && Files.exists(changed) ? changed : jdk.resolve(name);
  }

  private static long compare(String name, ByteSource found, Path original) throws IOException {
    try (ByteSource expected = FileSource.open(original)) {
      long length =
          name.equals(MODULES)
              ? Math.min(MODULES_BYTES, expected.sizeBytes())
              : expected.sizeBytes();
      boolean isWhole = length == expected.sizeBytes();
      if (isWhole && found.sizeBytes() != length
          || !digest(found, length).equals(digest(expected, length))) {
        throw new IOException(name + ": other bytes than in " + original);
      }
      return length;
    }
  }

  private static Sha256 digest(ByteSource source, long lengthBytes) throws IOException {
    MessageDigest digest = Sha256.newDigest();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment buffer = arena.allocate(BUFFER_BYTES);
      for (long at = 0; at < lengthBytes; at += BUFFER_BYTES) {
        MemorySegment part = buffer.asSlice(0, Math.min(BUFFER_BYTES, lengthBytes - at));
        source.read(at, part);
        Sha256.update(digest, part);
      }
    }
    return Sha256.finish(digest);
  }
}
