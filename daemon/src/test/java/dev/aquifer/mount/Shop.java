package dev.aquifer.mount;

import dev.aquifer.blob.BlobStatus;
import dev.aquifer.blob.CacheStore;
import dev.aquifer.blob.DomainStatus;
import dev.aquifer.blob.Domains;
import dev.aquifer.blob.Fetcher;
import dev.aquifer.format.SpanCodec;
import dev.aquifer.testing.FaultyOrigin;
import dev.aquifer.testing.TestImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;

/**
 * All that a test of mounts needs: an origin with images, a cache, domains, and mounts. Images
 * {@code one} and {@code two} have different metadata and the same blob; {@code three} has another
 * blob.
 */
final class Shop implements AutoCloseable {
  static final int SPAN_BITS = 16;
  static final String BLOBS = "blobs-of/";

  final Path directory;
  final Path tree;
  final FaultyOrigin origin;
  final TestImage one;
  final TestImage two;
  final TestImage three;
  final CacheStore store;
  final Fetcher fetcher;
  final Domains domains;
  Mounts mounts;

  private final List<AutoCloseable> open = new ArrayList<>();

  Shop(Path directory) throws Exception {
    this.directory = directory;
    this.tree = Files.createDirectories(directory.resolve("tree"));
    fill(tree, 1);
    Path images = Files.createDirectories(directory.resolve("images"));
    one = raw("one", tree).toImage(images.resolve("one"), SPAN_BITS, SpanCodec.ZSTD);
    Files.setPosixFilePermissions(
        tree.resolve("noise"), PosixFilePermissions.fromString("rw-rw-rw-"));
    two = raw("two", tree).toImage(images.resolve("two"), SPAN_BITS, SpanCodec.ZSTD);
    Path other = Files.createDirectories(directory.resolve("tree3"));
    fill(other, 3);
    three = raw("three", other).toImage(images.resolve("three"), SPAN_BITS, SpanCodec.PLAIN);
    origin = FaultyOrigin.serve(images);
    open.add(origin);
    store = CacheStore.open(directory.resolve("cache"));
    open.add(store);
    fetcher = new Fetcher();
    open.add(fetcher);
    domains = new Domains(store, fetcher);
    mounts = openMounts();
  }

  private static void fill(Path tree, long seed) throws IOException {
    Files.write(tree.resolve("noise"), TestImage.noise(seed, 2_000_000));
    Files.write(tree.resolve("text"), TestImage.text(seed, 300_001));
    Files.write(tree.resolve("empty"), new byte[0]);
    Files.createDirectories(tree.resolve("d/e"));
    Files.write(tree.resolve("d/e/small"), TestImage.noise(seed, 10));
    Files.createSymbolicLink(tree.resolve("link"), Path.of("d/e/small"));
  }

  RawErofs raw(String name, Path tree) throws Exception {
    return RawErofs.make(tree, directory.resolve("raw-" + name), 4096);
  }

  /** A new mount point. */
  Path target(String name) throws IOException {
    return Files.createDirectories(directory.resolve("mnt").resolve(name));
  }

  MountStatus mount(String image, String target, String options) throws IOException {
    return mounts.mount(
        MountSpec.of(origin.url() + "/" + image, target(target).toString(), options, directory));
  }

  /** Bytes of blob objects and bootstraps that the origin sent for an image. */
  long sentBytes(String image) {
    return origin.bodyBytes(image + "/blobs/");
  }

  BlobStatus blob(String id) {
    return domains.status().stream()
        .map(DomainStatus::blobs)
        .flatMap(List::stream)
        .filter(blob -> blob.id().equals(id))
        .findFirst()
        .orElseThrow();
  }

  /** As a daemon would that is started here. */
  Mounts openMounts() throws IOException {
    return Mounts.open(domains, directory.resolve("run"), List.of());
  }

  /** The files that tell a successor of mounts. */
  List<Path> saved() throws IOException {
    try (var files = Files.list(directory.resolve("run").resolve("mounts"))) {
      return files.toList();
    }
  }

  @Override
  public void close() throws Exception {
    List<Path> unused = mounts.umountAll();
    mounts.close();
    for (AutoCloseable resource : open.reversed()) {
      resource.close();
    }
  }
}
