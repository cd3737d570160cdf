package dev.aquifer.mount;

import dev.aquifer.linux.Descriptors;
import dev.aquifer.linux.Descriptors.FileId;
import dev.aquifer.linux.ErrnoException;
import dev.aquifer.linux.MountCalls;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What an earlier daemon left mounted, and what becomes of it:
 *
 * <ul>
 *   <li>Its keeper lives: the mount is taken over. No reader notices more than a pause.
 *   <li>The keeper is gone, too: the kernel may have handed out zeros, and they may be in its page
 *       cache. The mount is <em>poisoned</em>: hidden at once and mounted anew.
 *   <li>It can't be taken over, such as for a cache that was removed: hidden and mounted anew, too.
 * </ul>
 *
 * <p>Who still has files open in what was hidden is <em>denied</em>, by the group that asks here
 * and knows no such file; so it goes on, from daemon to daemon, until the kernel has dropped the
 * file system: {@code mounts/erofs-N.denied} says so, and the keeper stays as long.
 *
 * <p>Not safe for use by several threads at once.
 */
final class Recovery {
  private static final Logger LOG = LoggerFactory.getLogger(Recovery.class);
  private static final String DENIED = ".denied";

  /** How long the kernel has to drop what was hidden, if no program uses it. */
  private static final long PATIENCE_NANOS = 1_000_000_000L;

  private final MountMaker maker;
  private final ServedGroup groups;
  private final Path directory;
  private final Warnings warnings;
  private final List<Mount> takenOver = new ArrayList<>();
  private final List<MountSpec> toMountAnew = new ArrayList<>();
  private final Set<String> denied = new TreeSet<>();

  Recovery(MountMaker maker, ServedGroup groups, Path runDirectory, Warnings warnings) {
    this.maker = maker;
    this.groups = groups;
    this.directory = runDirectory.resolve("mounts");
    this.warnings = warnings;
  }

  /** Where the state of the mount with this kernel's name is. */
  static Path file(Path runDirectory, String kernelName) {
    return runDirectory.resolve("mounts").resolve(kernelName);
  }

  /** Deals with all that is there. */
  void run() throws IOException {
    Files.createDirectories(directory);
    try (var drafts = Files.newDirectoryStream(directory, ".*")) {
      for (Path draft : drafts) {
        Files.delete(draft);
      }
    }
    try (var files = Files.newDirectoryStream(directory, "erofs-*")) {
      for (Path file : files) {
        String name = file.getFileName().toString();
        if (name.endsWith(DENIED)) {
          recoverDenied(file, name.substring(0, name.length() - DENIED.length()));
        } else if (name.matches("erofs-[0-9]+")) {
          recover(file, name);
        }
      }
    }
  }

  /** The mounts that are served on; they watch their files already. */
  List<Mount> takenOver() {
    return takenOver;
  }

  /** What is hidden and to be mounted again. */
  List<MountSpec> toMountAnew() {
    return toMountAnew;
  }

  /** Whether some file systems are denied that the kernel has not dropped yet. */
  boolean hasDenied() {
    return !denied.isEmpty();
  }

  /** Forgets what was denied and the kernel has dropped since. */
  void forgetDropped() throws IOException {
    for (String name : List.copyOf(denied)) {
      if (!KernelMount.isAlive(name)) {
        Files.deleteIfExists(directory.resolve(name + DENIED));
        denied.remove(name);
        LOG.info("{}: the last program that used it has ended", name);
      }
    }
  }

  private void recoverDenied(Path file, String kernelName) throws IOException {
    if (KernelMount.isAlive(kernelName)
        && Files.readString(file, StandardCharsets.ISO_8859_1).equals(groups.bootId())) {
      denied.add(kernelName);
    } else {
      Files.delete(file);
    }
  }

  /** A file that is not as it should be must not keep the others waiting. */
  private void recover(Path file, String kernelName) throws IOException {
    SavedMount saved;
    try {
      saved = SavedState.read(file, SavedMount.class);
    } catch (IOException | RuntimeException e) {
      deny(kernelName);
      warnings.add(
          "%s: put aside as %s: readers of that mount get errors: unmount it and mount it anew"
              .formatted(Denial.reason(e), SavedState.putAside(file)));
      return;
    }
    try {
      if (!saved.bootId().equals(groups.bootId()) || !KernelMount.isAlive(kernelName)) {
        Files.delete(file);
      } else if (groups.isTakenOver() || !saved.isLazy()) {
        takeOver(saved, file);
      } else {
        replacePoisoned(saved, file);
      }
    } catch (IOException | RuntimeException e) {
      deny(kernelName);
      warnings.add(
          "%s: %s: readers of that mount get errors: unmount it and mount it anew"
              .formatted(file, Denial.reason(e)));
    }
  }

  /** From now on until the kernel has dropped it. */
  private void deny(String kernelName) throws IOException {
    if (KernelMount.isAlive(kernelName)) {
      Files.writeString(directory.resolve(kernelName + DENIED), groups.bootId());
      denied.add(kernelName);
    }
  }

  private void takeOver(SavedMount saved, Path file) throws IOException {
    Mount mount = null;
    try {
      MountSpec spec = saved.spec();
      mount = new Mount(spec, spec.target(), saved.fsid());
      maker.takeOver(mount, saved);
      mount.phase =
          MountTable.read().hasErofs(saved.device(), mount.target)
              ? Mount.Phase.MOUNTED
              : Mount.Phase.LINGERING;
      takenOver.add(mount);
      LOG.info("taken over {} at {}", ShownSource.safe(saved.source()), saved.target());
    } catch (IOException | RuntimeException e) {
      if (mount != null) {
        mount.held.closeAfter(e);
      }
      warnings.add(
          "%s: could not be taken over from an earlier daemon: %s: programs that have files open there get errors: restart them"
              .formatted(saved.target(), Denial.reason(e)));
      replace(saved, file);
    }
  }

  private void replacePoisoned(SavedMount saved, Path file) throws IOException {
    warnings.add(
        "%s: was left by a daemon that was killed together with its keeper: programs that read there since then may have got zeros: restart them. What they still have open gives errors from now on"
            .formatted(saved.target()));
    List<SavedMount.File> filled = saved.files().stream().filter(saved::isFilled).toList();
    // First of all: from here on no more zeros.
    groups.keep();
    for (SavedMount.File device : filled) {
      change(device, fd -> groups.server().deny(fd, Path.of(device.path())));
    }
    replace(saved, file);
    boolean isDropped = KernelMount.awaitDropped(saved.kernelName(), PATIENCE_NANOS);
    for (SavedMount.File device : filled) {
      Path path = Path.of(device.path());
      if (isDropped) {
        change(device, fd -> groups.server().undeny(fd, path));
      } else {
        // Who still reads from it is denied, so the new mount needs another one.
        Files.deleteIfExists(path);
      }
    }
  }

  private interface Change {
    void make(int fd) throws IOException;
  }

  /** Changes what is asked about a file, if it is still the one that the file system reads. */
  private static void change(SavedMount.File file, Change change) {
    Path path = Path.of(file.path());
    try {
      int fd = Descriptors.openForReading(path);
      try {
        if (Descriptors.fileId(fd).equals(new FileId(file.deviceNumber(), file.inode()))) {
          change.make(fd);
        }
      } finally {
        Descriptors.close(fd);
      }
    } catch (IOException e) {
      LOG.error("{}: {}", path, Denial.reason(e));
    }
  }

  private void replace(SavedMount saved, Path file) throws IOException {
    Path target = Path.of(saved.target());
    MountTable.Entry top = MountTable.read().topAt(target);
    if (top != null && top.type().equals("erofs") && top.device().equals(saved.device())) {
      try {
        MountCalls.umount(target, true);
        toMountAnew.add(saved.spec());
      } catch (ErrnoException e) {
        LOG.error("{}: left by an earlier daemon: {}", target, e.getMessage());
      }
    }
    deny(saved.kernelName());
    Files.deleteIfExists(file);
  }

  /** Removes what a killed daemon was about to use and nobody knows of. */
  static void sweep(Path runDirectory) throws IOException {
    try (var left = Files.newDirectoryStream(runDirectory, "source-*")) {
      for (Path path : left) {
        try {
          ShownSource.remove(path);
        } catch (NoSuchFileException e) {
          // Somebody else did.
        }
      }
    }
  }
}
