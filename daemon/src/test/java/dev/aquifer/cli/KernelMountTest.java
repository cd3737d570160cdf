package dev.aquifer.cli;

import static dev.aquifer.cli.LinuxTreeTest.lines;
import static dev.aquifer.cli.LinuxTreeTest.makeTree;
import static dev.aquifer.cli.LinuxTreeTest.run;
import static org.assertj.core.api.Assertions.assertThat;

import dev.aquifer.build.BlobUnpacker;
import dev.aquifer.build.ImageBuilder;
import dev.aquifer.build.ImageTree;
import dev.aquifer.build.ReuseImage;
import dev.aquifer.format.Descriptor;
import dev.aquifer.input.LayerTree;
import dev.aquifer.testing.Requires;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What we build mounts with nothing but the kernel and mount(8). */
@Tag("root")
class KernelMountTest {
  @TempDir Path temp;

  @BeforeEach
  void require() throws IOException {
    Requires.root();
    Requires.tool("losetup");
    Requires.tool("setfacl");
    Requires.tool("setcap");
    Requires.that(
        Files.readString(Path.of("/proc/filesystems")).contains("\terofs\n"),
        "needs a kernel with EROFS");
  }

  /** Unpacks the blobs of {@code layout}, mounts it, and runs {@code check} on the mount. */
  private List<String> linesOfMount(Path layout) throws Exception {
    List<String> loops = new ArrayList<>();
    Path mountPoint = Files.createDirectory(temp.resolve("mnt"));
    try (ReuseImage image = ReuseImage.open(layout)) {
      StringBuilder options = new StringBuilder("ro");
      for (Descriptor object : image.manifest().blobs()) {
        Path plain = temp.resolve("blob" + loops.size());
        BlobUnpacker.unpack(layout.resolve(object.path()), plain, null, true);
        // mount(8) makes a loop device of the bootstrap, and then the kernel wants such for blobs.
        loops.add(run("losetup", "--find", "--show", "--read-only", plain.toString()));
        options.append(",device=").append(loops.getLast());
      }
      Path bootstrap = layout.resolve(image.manifest().bootstrap().path());
      run(
          "mount",
          "-t",
          "erofs",
          "-o",
          options.toString(),
          bootstrap.toString(),
          mountPoint.toString());
      try (LinuxTree mounted = LinuxTree.open(mountPoint)) {
        return lines(mounted);
      } finally {
        run("umount", mountPoint.toString());
      }
    } finally {
      for (String loop : loops) {
        run("losetup", "--detach", loop);
      }
      Files.delete(mountPoint);
    }
  }

  @Test
  void directoryReaderAndKernelShowTheSame() throws Exception {
    Path source = makeTree(temp, true);
    Path layout = temp.resolve("out");
    try (LinuxTree tree = LinuxTree.open(source)) {
      List<String> expected = lines(tree);
      for (int inlineMax : new int[] {0, 4000}) {
        ImageBuilder builder = ImageBuilder.defaults().inlineMaxBytes(inlineMax).force(true);
        builder.buildLayout(tree, layout);
        try (ReuseImage image = ReuseImage.open(layout)) {
          assertThat(lines(ImageTree.of(image.image()))).isEqualTo(expected);
        }
        assertThat(linesOfMount(layout)).isEqualTo(expected);
      }
    }
  }

  @Test
  void theKernelFindsDataInReusedBlobs() throws Exception {
    Path source = makeTree(temp, true);
    Path first = temp.resolve("first");
    Path second = temp.resolve("second");
    try (LinuxTree tree = LinuxTree.open(source)) {
      ImageBuilder.defaults().buildLayout(tree, first);
    }
    Files.write(source.resolve("new"), new byte[] {1, 2, 3});
    run("sh", "-c", "head -c 200000 /dev/urandom >\"$1/large\"", "sh", source.toString());
    try (LinuxTree tree = LinuxTree.open(source);
        ReuseImage reused = ReuseImage.open(first)) {
      assertThat(ImageBuilder.defaults().reuse(List.of(reused)).buildLayout(tree, second).blobs())
          .hasSize(2);
      assertThat(linesOfMount(second)).isEqualTo(lines(tree));
    }
  }

  @Test
  void theKernelFindsDataInBlobsOfLayers() throws Exception {
    // The upper layer has a hard link to a file of the lower one, and data that is also there.
    run(
        "sh",
        "-ec",
        "cd \"$1\"; mkdir -p base/d top/d all docker; seq 99999 > base/numbers; : > base/empty;"
            + " head -c 300000 /dev/urandom > base/d/noise; echo small > base/small;"
            + " tar --format=pax -C base -cf docker/base.tar .;"
            + " cp base/numbers top/again; seq 5 200000 > top/more; cp base/d/noise top/d/noise;"
            + " ln top/d/noise top/link;"
            + " tar --format=pax -C top -cf docker/top.tar d/noise link again more;"
            + " tar --delete -f docker/top.tar d/noise;"
            + " tar -C all -xpf docker/base.tar; tar -C all -xpf docker/top.tar;"
            + " touch -r base all; cd docker; ids=;"
            + " for i in base top; do ids=\"$ids,\\\"sha256:$(sha256sum <$i.tar | cut -c1-64)\\\"\"; done;"
            + " echo \"{\\\"os\\\":\\\"linux\\\",\\\"rootfs\\\":{\\\"diff_ids\\\":[${ids#,}]}}\" > config.json;"
            + " echo '[{\"Config\":\"config.json\",\"Layers\":[\"base.tar\",\"top.tar\"]}]' > manifest.json",
        "sh",
        temp.toString());
    Path layout = temp.resolve("out");
    LayerTree.Wanted wanted = new LayerTree.Wanted(null, null, temp);
    try (LayerTree layers = LayerTree.ofDocker(temp.resolve("docker"), wanted);
        LinuxTree unpacked = LinuxTree.open(temp.resolve("all"))) {
      ImageBuilder builder = ImageBuilder.defaults().blobPerLayer(layers.layers());
      assertThat(builder.buildLayout(layers, layout).blobs()).hasSize(2);
      assertThat(linesOfMount(layout)).isEqualTo(lines(unpacked));
    }
  }

  @Test
  void aLargeDirectoryIsSearchableByTheKernel() throws Exception {
    Path source = Files.createDirectory(temp.resolve("tree"));
    run(
        "sh",
        "-c",
        "mkdir \"$1/d\" && cd \"$1/d\" && seq 1 100000 | xargs touch",
        "sh",
        source.toString());
    Path layout = temp.resolve("out");
    try (LinuxTree tree = LinuxTree.open(source)) {
      ImageBuilder.defaults().buildLayout(tree, layout);
      assertThat(linesOfMount(layout)).isEqualTo(lines(tree));
    }
  }
}
