package dev.aquifer.cli;

import dev.aquifer.image.FileType;
import dev.aquifer.image.Image;
import dev.aquifer.image.Inode;
import dev.aquifer.io.ByteSource;
import dev.aquifer.tool.PathText;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.Parameters;

/** Writes files of an image to standard output. */
@CommandLine.Command(
    name = "cat",
    description = "Write files of an image to standard output.",
    sortOptions = false)
final class CatCommand extends ImageCommand {
  private static final long STEP_BYTES = 1 << 20;

  @Parameters(
      index = "1..*",
      arity = "1..*",
      paramLabel = "PATH",
      description = "A regular file; symbolic links are followed, within the image.")
  List<String> paths = new ArrayList<>();

  @Override
  ExitCode run(Image image) throws Exception {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment buffer = arena.allocate(STEP_BYTES, 64);
      for (String argument : paths) {
        byte[] path = path(argument);
        Inode inode = lookupFollowing(image, path);
        if (inode.type() != FileType.REGULAR) {
          throw new FailedException(
              ExitCode.FAILED,
              "%s: %s: is a %s, no regular file"
                  .formatted(reference, PathText.shown(path), inode.type()));
        }
        try (ByteSource data = image.open(inode)) {
          copy(data, buffer);
        }
      }
    }
    return ExitCode.OK;
  }

  private void copy(ByteSource data, MemorySegment buffer) throws IOException {
    StandardOut out = bytes();
    for (long done = 0; done < data.sizeBytes(); done += STEP_BYTES) {
      MemorySegment step = buffer.asSlice(0, Math.min(STEP_BYTES, data.sizeBytes() - done));
      data.read(done, step);
      out.write(step);
    }
  }
}
