package dev.aquifer.cli;

import dev.aquifer.build.ImageBuilder;
import dev.aquifer.build.SourceTree;
import dev.aquifer.image.ByteNames;
import dev.aquifer.input.AufsTree;
import dev.aquifer.input.FileContexts;
import dev.aquifer.input.SelectedTree;
import dev.aquifer.input.Selection;
import dev.aquifer.input.StrippedTree;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** What of a tree goes into an image, and how it is changed: names as of mkfs.erofs. */
final class SelectionOptions {
  @Option(
      names = "--exclude-path",
      paramLabel = "PATH",
      description = "Leave out the file or directory at exactly this path in the input.")
  List<String> excludedPaths = new ArrayList<>();

  @Option(
      names = "--exclude-regex",
      paramLabel = "REGEX",
      description =
          "Leave out every path, without a slash at its beginning, in which this extended regular expression is found.")
  List<String> excludedRegexes = new ArrayList<>();

  @Option(
      names = "--exclude",
      paramLabel = "GLOB",
      description =
          "Leave out what has a name like this; with a slash in GLOB, what has a path like this.")
  List<String> excludedGlobs = new ArrayList<>();

  @Option(
      names = "--aufs",
      description =
          "The input is one layer of a container image: .wh.NAME becomes what overlayfs hides NAME by, and .wh..wh..opq its mark of a directory.")
  boolean aufs;

  @Option(
      names = "--ovlfs-strip",
      paramLabel = "0|1",
      arity = "0..1",
      fallbackValue = "1",
      preprocessor = AttachedOnly.class,
      description =
          "Leave out devices 0:0, and what else hides files of layers below in overlayfs; --ovlfs-strip=0: do not.")
  @Nullable String overlayStrip;

  @Option(names = "--all-root", description = "All files belong to root.")
  boolean allRoot;

  @Option(names = "--force-uid", paramLabel = "UID", description = "The user of all files.")
  @Nullable Long uid;

  @Option(names = "--force-gid", paramLabel = "GID", description = "The group of all files.")
  @Nullable Long gid;

  @Option(names = "--uid-offset", paramLabel = "N", description = "Is added to every user.")
  long uidOffset;

  @Option(names = "--gid-offset", paramLabel = "N", description = "Is added to every group.")
  long gidOffset;

  @Option(
      names = {"-T", "--timestamp"},
      paramLabel = "SECONDS",
      description =
          "The modification time of all files, in seconds since 1970. Default: their own.")
  @Nullable Long timestampSeconds;

  @Option(names = "--all-time", description = "The time of -T is for all files: the default.")
  boolean allTime;

  @Option(names = "--mkfs-time", description = "The time of -T is for no file.")
  boolean mkfsTime;

  @Option(
      names = "--ignore-mtime",
      description =
          "All files get the time of -T, or of SOURCE_DATE_EPOCH, or else that of the build.")
  boolean ignoreMtime;

  @Option(names = "--preserve-mtime", description = "Not --ignore-mtime: the default.")
  boolean preserveMtime;

  @Option(
      names = "--hard-dereference",
      description = "Make each name of a file with several names a file of its own.")
  boolean hardDereference;

  @Option(
      names = "--source-date-epoch",
      paramLabel = "SECONDS",
      defaultValue = "${env:SOURCE_DATE_EPOCH}",
      description =
          "Files of this time or later get this time. Default: SOURCE_DATE_EPOCH of the environment.")
  @Nullable String sourceDateEpoch;

  @Option(
      names = "--file-contexts",
      paramLabel = "FILE",
      description = "Give all files the SELinux labels that this file_contexts file has for them.")
  @Nullable Path fileContexts;

  @Option(
      names = "--mount-point",
      paramLabel = "DIR",
      description = "Where the image will be mounted, for --file-contexts. Default: /.")
  String mountPoint = "";

  @Option(
      names = "--prefix",
      paramLabel = "DIR",
      description = "Put everything below this directory of the image.")
  String prefix = "";

  @Option(
      names = "-x",
      paramLabel = "N",
      description = "Below 0: leave extended attributes and ACLs out. Others change nothing.")
  int xattrTolerance;

  @Option(names = "--no-xattrs", description = "Leave extended attributes and ACLs out.")
  boolean noXattrs;

  @Option(
      names = "--xattr-prefix",
      paramLabel = "PREFIX",
      description =
          "A beginning of names of extended attributes, such as user.a.long.name., that is stored once and not with each. May be given several times.")
  List<String> xattrPrefixes = new ArrayList<>();

  @Option(
      names = {"--inode-digest", "--xattr-inode-digest"},
      paramLabel = "NAME",
      arity = "0..1",
      fallbackValue = ImageBuilder.INODE_DIGEST,
      preprocessor = AttachedOnly.class,
      description =
          "Give files the SHA-256 of their data in an attribute, by which Linux 7.0 keeps equal files of several images in memory once. Default NAME: erofs.fingerprint.v1.")
  @Nullable String inodeDigest;

  boolean takesXattrs() {
    return !noXattrs && xattrTolerance >= 0;
  }

  /** The time of all files; null for their own. */
  @Nullable Instant timestamp() {
    Long seconds = timestampSeconds == null ? epoch() : timestampSeconds;
    if (allTime && seconds == null) {
      throw new IllegalArgumentException("--all-time needs -T SECONDS");
    }
    if (ignoreMtime && preserveMtime) {
      throw new IllegalArgumentException(
          "--ignore-mtime and --preserve-mtime: expected one of them");
    }
    if (ignoreMtime) {
      return seconds == null ? Instant.now() : Instant.ofEpochSecond(seconds);
    }
    boolean isForAll = allTime || (!mkfsTime && epoch() == null);
    return isForAll && seconds != null ? Instant.ofEpochSecond(seconds) : null;
  }

  /** As mkfs.erofs: with SOURCE_DATE_EPOCH in the environment, -T is a limit, too. */
  private @Nullable Long latest() {
    Long epoch = epoch();
    if (epoch == null || allTime || mkfsTime) {
      return null;
    }
    return timestampSeconds == null ? epoch : timestampSeconds;
  }

  private @Nullable Long epoch() {
    String text = sourceDateEpoch;
    if (text == null) {
      return null;
    }
    if (!text.matches("[0-9]{1,18}")) {
      throw new IllegalArgumentException(
          "source date epoch '%s': expected seconds since 1970".formatted(text.strip()));
    }
    return Long.valueOf(text);
  }

  /**
   * What is selected.
   *
   * @throws IllegalArgumentException if an option has no meaning
   */
  Selection selection() throws IOException {
    if (allTime && mkfsTime) {
      throw new IllegalArgumentException("--all-time and --mkfs-time exclude each other");
    }
    if (overlayStrip != null && !overlayStrip.matches("[01]")) {
      throw new IllegalArgumentException(
          "--ovlfs-strip=%s: expected 0 or 1".formatted(overlayStrip));
    }
    if (aufs && !takesXattrs() && !strips()) {
      throw new IllegalArgumentException(
          "--aufs: its marks of directories are attributes: expected no "
              + (noXattrs ? "--no-xattrs" : "-x" + xattrTolerance));
    }
    Selection selection =
        Selection.ALL
            .withOwner(allRoot ? Long.valueOf(0) : uid, allRoot ? Long.valueOf(0) : gid)
            .withOffsets(uidOffset, gidOffset)
            .withLatest(latest())
            .withPrefix(prefix);
    for (String path : excludedPaths) {
      selection = selection.withoutPath(path);
    }
    for (String regex : excludedRegexes) {
      selection = selection.withoutRegex(regex);
    }
    for (String glob : excludedGlobs) {
      selection = without(selection, glob);
    }
    selection = selection.withHardDereference(hardDereference);
    Path contexts = fileContexts;
    return contexts == null
        ? selection
        : selection.withContexts(FileContexts.read(contexts), mountPoint);
  }

  /**
   * {@code tree} as selected; closing the result closes it.
   *
   * @param selection what {@link #selection} gave
   */
  SourceTree of(SourceTree tree, Selection selection) {
    SourceTree layer = aufs ? AufsTree.of(tree) : tree;
    return SelectedTree.of(strips() ? StrippedTree.of(layer) : layer, selection);
  }

  private boolean strips() {
    return "1".equals(overlayStrip);
  }

  private static Selection without(Selection selection, String text) {
    Glob glob = Glob.of(text.startsWith("/") ? text.substring(1) : text);
    boolean isPath = text.contains("/");
    return selection.without(
        path -> glob.matches(text(isPath ? path : path.substring(path.lastIndexOf('/') + 1))));
  }

  private static String text(String path) {
    return ByteNames.toText(path.getBytes(StandardCharsets.ISO_8859_1));
  }
}
