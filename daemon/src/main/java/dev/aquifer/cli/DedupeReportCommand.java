package dev.aquifer.cli;

import dev.aquifer.build.ImageBuilder;
import dev.aquifer.build.SharingCount;
import dev.aquifer.build.SharingReport;
import dev.aquifer.build.SourceTree;
import dev.aquifer.input.TarOptions;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Tells what sharing would save, without building anything. */
@CommandLine.Command(
    name = "dedupe-report",
    description =
        "Tell what storing equal data once would save, within each input and across all of them, without building anything.",
    sortOptions = false,
    footer = {
      "",
      "Files are cut in chunks of 4 KiB, 64 KiB (as `aquifer build` cuts) and 1 MiB from their beginning, and taken as a whole. TOTAL = ZEROS + UNIQUE + SAVED: zeros are stored nowhere, unique is what is left when equal chunks are stored once, saved is the rest. NEW is what of UNIQUE no input before has. Sizes are before compression.",
      "With 2 to 8 inputs a matrix tells how much of each input's unique chunks of 64 KiB are in another."
    })
final class DedupeReportCommand extends Command {
  private static final String STANDARD_INPUT = "-";

  @Parameters(arity = "1..*", paramLabel = "INPUT", description = BuildInput.DESCRIPTION)
  List<String> sources = new ArrayList<>();

  @Option(names = "--json", description = "Print one JSON object.")
  boolean json;

  @Option(names = "--svg", paramLabel = "FILE", description = "Draw it, too, in a new SVG file.")
  @Nullable Path svg;

  @Option(names = "--force", description = "Replace FILE.")
  boolean force;

  @Option(
      names = {"--threads", "--workers"},
      paramLabel = "N",
      description = "How many threads read and hash. Default: one for each processor.")
  @Nullable Integer threads;

  @Mixin BuildInput input = new BuildInput();

  @Override
  ExitCode run() throws IOException, FailedException {
    if (Collections.frequency(sources, STANDARD_INPUT) > 1) {
      throw usage("- is given more than once: standard input can be read once");
    }
    checkPlace();
    SharingReport report;
    try (OnSignal ignored = OnSignal.interrupt("aquifer-dedupe-* in the temporary directory");
        Scratch scratch = Scratch.create("aquifer-dedupe-");
        Progress progress = Progress.of(err(), "dedupe-report")) {
      report = read(count(progress), scratch.directory("copies"));
      if (svg != null) {
        draw(svg, report);
      }
    }
    if (json) {
      out().println(SharingText.json(report));
    } else {
      SharingText.print(report, out());
    }
    return ExitCode.OK;
  }

  private SharingCount count(Progress progress) {
    try {
      return new SharingCount(
          threads != null ? threads : ImageBuilder.defaults().threads(), progress::at);
    } catch (IllegalArgumentException e) {
      throw usage(String.valueOf(e.getMessage()));
    }
  }

  private SharingReport read(SharingCount count, Path copies) throws IOException, FailedException {
    for (String source : sources) {
      try (SourceTree tree = open(source, copies)) {
        count.add(tree, source);
      }
    }
    return count.report();
  }

  private SourceTree open(String source, Path copies) throws IOException, FailedException {
    try {
      return input.open(source, TarOptions.of(copies));
    } catch (IllegalArgumentException e) {
      throw usage(String.valueOf(e.getMessage()));
    }
  }

  /** Before anything is read, which may take long. */
  private void checkPlace() throws FailedException {
    if (svg == null) {
      return;
    }
    Path parent = svg.toAbsolutePath().normalize().getParent();
    if (parent != null) {
      Path unused = directory(parent);
    }
    if (Files.exists(svg, LinkOption.NOFOLLOW_LINKS)) {
      if (!force) {
        throw new FailedException(
            ExitCode.FAILED,
            svg + ": exists already: expected a new name, or --force to replace it");
      }
      if (!Files.isRegularFile(svg, LinkOption.NOFOLLOW_LINKS)) {
        throw new FailedException(
            ExitCode.FAILED, svg + ": is no regular file, so it is not replaced");
      }
    }
  }

  private void draw(Path file, SharingReport report) throws IOException {
    // A hidden name beside it first, so that there is a whole picture or none.
    Path hidden =
        file.resolveSibling("." + file.getFileName() + ".drawing-" + ProcessHandle.current().pid());
    try {
      Files.writeString(hidden, SharingPicture.of(report), StandardOpenOption.CREATE_NEW);
      if (force) {
        Files.move(hidden, file, StandardCopyOption.REPLACE_EXISTING);
      } else {
        Files.move(hidden, file);
      }
    } finally {
      Files.deleteIfExists(hidden);
    }
  }
}
