package dev.aquifer.input;

import dev.aquifer.build.SourceTree;
import dev.aquifer.io.ByteSource;
import dev.aquifer.io.NamedSource;
import java.io.IOException;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The layers of a container image, one on top of the other, as a tree.
 *
 * <p>Of the rules of the OCI image specification: an empty file {@code .wh.NAME} hides {@code NAME}
 * of the layers below; {@code .wh..wh..opq} hides all that they have in its directory; neither
 * hides anything of its own layer, wherever in that it stands. A directory on a directory changes
 * it and keeps what is in it; everything else takes the place of what was there. Devices 0:0, by
 * which an overlay file system hides names, hide nothing here. Names that begin with {@code
 * .wh..wh.} are what AUFS keeps for itself and are left out.
 *
 * <p>Every byte of manifests, configurations and layers is proven by its digest. Plain layers are
 * read where they lie, others copied once. See {@link TarTree} for the layers' archives.
 */
public final class LayerTree extends ItemTree {
  private final ImageFiles files;
  private final Path place;
  private final List<Opened> layers = new ArrayList<>();

  /** The plain archive of a layer. */
  private record Opened(ContainerDigest diffId, ByteSource archive) {}

  private LayerTree(ImageFiles files, Path place) {
    super(files.name());
    this.files = files;
    this.place = place;
  }

  /**
   * Which image is meant.
   *
   * @param reference the name of one of several, or null
   * @param platform what it must be for; null for the only one, or that for this machine
   * @param place where copies of layers go if need be, see {@link TarOptions}
   */
  public record Wanted(@Nullable String reference, @Nullable Platform platform, Path place) {}

  /** Opens an OCI image layout in a directory. */
  public static LayerTree ofLayout(Path directory, Wanted wanted) throws IOException {
    return open(ImageFiles.of(directory), wanted, false);
  }

  /** Opens an OCI image layout in an archive, which is the tree's from now on. */
  public static LayerTree ofLayout(TarTree archive, Wanted wanted) throws IOException {
    return open(ImageFiles.of(archive), wanted, false);
  }

  /** Opens what {@code docker save} made, unpacked. */
  public static LayerTree ofDocker(Path directory, Wanted wanted) throws IOException {
    return open(ImageFiles.of(directory), wanted, true);
  }

  /** Opens what {@code docker save} made; the archive is the tree's from now on. */
  public static LayerTree ofDocker(TarTree archive, Wanted wanted) throws IOException {
    return open(ImageFiles.of(archive), wanted, true);
  }

  /** Whether there is an OCI image layout in {@code archive}. */
  public static boolean isLayout(TarTree archive) throws IOException {
    return ContainerImage.isLayout(ImageFiles.of(archive));
  }

  /** Whether {@code archive} is one of {@code docker save}. */
  public static boolean isDocker(TarTree archive) throws IOException {
    return ContainerImage.isDocker(ImageFiles.of(archive));
  }

  private static LayerTree open(ImageFiles files, Wanted wanted, boolean isDocker)
      throws IOException {
    LayerTree tree = new LayerTree(files, wanted.place());
    try {
      ContainerImage image =
          isDocker
              ? ContainerImage.ofDocker(files, wanted.reference(), wanted.platform())
              : ContainerImage.ofLayout(files, wanted.reference(), wanted.platform());
      for (ContainerImage.Layer layer : image.layers()) {
        tree.add(layer);
      }
      return tree;
    } catch (IOException | RuntimeException | Error e) {
      tree.closeAfter(e);
      throw e;
    }
  }

  private void add(ContainerImage.Layer layer) throws IOException {
    String where = "%s: layer %s".formatted(name(), layer.path());
    ByteSource file = new NamedSource(where, files.file(layer.path()));
    ContainerImage.checkSize(where, layer.sizeBytes(), file.sizeBytes());
    ContainerDigest digest = layer.digest();
    MessageDigest packed = digest == null ? null : digest.start();
    MessageDigest plain = layer.diffId().start();
    ByteSource archive = PlainData.of(file, place, packed, plain);
    layers.add(new Opened(layer.diffId(), archive));
    if (digest != null && packed != null) {
      digest.check(where, packed);
    }
    layer.diffId().check(where + ", unpacked", plain);
    hide(archive);
    unpack(archive);
  }

  /** First all that the layer hides, since that is never of its own. */
  private void hide(ByteSource archive) throws IOException {
    Unpacking unpacking = new Unpacking(this, archive);
    TarReader reader = new TarReader(archive, false);
    for (TarEntry entry = reader.next(); entry != null; entry = reader.next()) {
      List<Name> names = unpacking.names(entry);
      if (names.isEmpty() || !isMark(names.getLast())) {
        continue;
      }
      Item.Directory directory = unpacking.findDirectory(names.subList(0, names.size() - 1));
      byte[] name = names.getLast().bytes();
      if (AufsNames.isOpaque(name)) {
        if (directory != null) {
          directory.children.clear();
        }
      } else if (!AufsNames.isOwn(name)) {
        Name hidden = AufsNames.hidden(name);
        if (!AufsNames.hidesName(name)) {
          throw unpacking.wrong(entry, "hides '%s': expected a name after .wh.".formatted(hidden));
        }
        if (directory != null) {
          directory.children.remove(hidden);
        }
      }
    }
  }

  private void unpack(ByteSource archive) throws IOException {
    Unpacking unpacking = new Unpacking(this, archive);
    TarReader reader = new TarReader(archive, false);
    for (TarEntry entry = reader.next(); entry != null; entry = reader.next()) {
      List<Name> names = unpacking.names(entry);
      if (names.stream().noneMatch(LayerTree::isMark)) {
        unpacking.add(entry, names);
      } else if (isBelowHidden(names)) {
        throw unpacking.wrong(entry, AufsNames.BELOW_MARK);
      }
    }
  }

  private static boolean isBelowHidden(List<Name> names) {
    return names.subList(0, names.size() - 1).stream()
        .anyMatch(name -> isMark(name) && !AufsNames.isOwn(name.bytes()));
  }

  private static boolean isMark(Name name) {
    return AufsNames.isMark(name.bytes());
  }

  /**
   * Of each layer, the lowest first, the regular files with data in the order of its archive, also
   * those that other layers hide; their names are numbers. Each is called by the digest of the
   * layer's plain archive. They are readable until this tree is closed, and need no closing.
   */
  public List<SourceTree> layers() throws IOException {
    List<SourceTree> trees = new ArrayList<>();
    for (Opened layer : layers) {
      trees.add(
          LayerFiles.of(
              "layer " + layer.diffId,
              layer.archive,
              entry -> Name.split(entry.path().bytes()).stream().noneMatch(LayerTree::isMark)));
    }
    return trees;
  }

  private void closeAfter(Throwable failure) {
    try {
      close();
    } catch (IOException e) {
      failure.addSuppressed(e);
    }
  }

  @Override
  public void close() throws IOException {
    try (files) {
      for (Opened layer : layers) {
        layer.archive.close();
      }
    }
  }
}
