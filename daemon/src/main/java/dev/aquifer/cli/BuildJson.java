package dev.aquifer.cli;

import dev.aquifer.build.BuildResult;
import dev.aquifer.build.SingleImage;
import dev.aquifer.tool.JsonObject;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The object that {@code aquifer build --json} prints; docs/json.md describes it. */
final class BuildJson {
  private final String input;
  private final BuildInput.Kind inputKind;
  private final Path output;

  /** For an image of {@code input} at {@code output}. */
  BuildJson(String input, BuildInput.Kind inputKind, Path output) {
    this.input = input;
    this.inputKind = inputKind;
    this.output = output;
  }

  JsonObject of(BuildResult result, boolean isPerLayer) {
    long stored = result.bootstrapBytes();
    List<JsonObject> blobs = new ArrayList<>();
    for (BuildResult.Blob blob : result.blobs()) {
      stored += isPerLayer || blob.reusedFrom().isEmpty() ? blob.objectBytes() : 0;
      blobs.add(
          new JsonObject()
              .put("id", blob.id())
              .put("object", blob.objectDigest())
              .put("plainBytes", blob.plainBytes())
              .put("objectBytes", blob.objectBytes())
              .put("reusedFrom", blob.reusedFrom().isEmpty() ? null : blob.reusedFrom()));
    }
    BuildResult.Bytes bytes = result.bytes();
    List<JsonObject> reused = new ArrayList<>();
    for (BuildResult.Reuse from : bytes.reusedFrom()) {
      reused.add(new JsonObject().put("image", from.image()).put("bytes", from.bytes()));
    }
    JsonObject json =
        head("layout")
            .put("manifest", result.manifestDigest())
            .put(
                "bootstrap",
                new JsonObject()
                    .put("digest", result.bootstrapDigest())
                    .put("bytes", result.bootstrapBytes()))
            .put("blobs", blobs)
            .put("sourceBytes", bytes.source())
            .put("storedBytes", stored)
            .put(
                "data",
                new JsonObject()
                    .put("newBytes", bytes.unique())
                    .put("duplicateBytes", bytes.duplicate())
                    .put("reusedBytes", bytes.reused())
                    .put("zeroBytes", bytes.holes())
                    .put("inlineBytes", bytes.inline()))
            .put("reused", reused);
    return tail(json, result.counts(), result.phases(), result.elapsed().toMillis());
  }

  JsonObject of(SingleImage.Result result) {
    JsonObject json =
        head("file")
            .put("sourceBytes", result.sourceBytes())
            .put("storedBytes", result.sizeBytes())
            .put("dataBytes", result.dataBytes())
            .put("packedBytes", result.packedBytes())
            .put("devices", result.devices());
    return tail(json, result.counts(), result.phases(), result.elapsed().toMillis());
  }

  private JsonObject head(String kind) {
    return new JsonObject()
        .put("kind", kind)
        .put("output", output)
        .put("input", input)
        .put("inputKind", inputKind);
  }

  private static JsonObject tail(
      JsonObject json, BuildResult.Counts counts, BuildResult.Phases phases, long millis) {
    return json.put(
            "files",
            new JsonObject()
                .put("regular", counts.regular())
                .put("directories", counts.directories())
                .put("symlinks", counts.symlinks())
                .put("special", counts.special())
                .put("hardLinks", counts.hardLinks()))
        .put(
            "phaseMillis",
            new JsonObject()
                .put("tree", phases.tree().toMillis())
                .put("data", phases.data().toMillis())
                .put("metadata", phases.metadata().toMillis())
                .put("commit", phases.commit().toMillis()))
        .put("millis", millis);
  }
}
