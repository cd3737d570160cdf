package dev.aquifer.blob;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The sources of one blob, brought by its holders. Safe for use by many threads. */
final class BlobSources {
  private record Held(Object holder, BlobSource source) {}

  private volatile List<Held> all = List.of(); // changed under this

  /** Adds what {@code holder} brings; replaces what it brought before. */
  synchronized void add(Object holder, List<BlobSource> sources) {
    List<Held> changed = new ArrayList<>(all);
    for (BlobSource source : sources) {
      changed.forEach(held -> source.shareLayoutOf(held.source));
    }
    changed.removeIf(held -> held.holder == holder);
    sources.forEach(source -> changed.add(new Held(holder, source)));
    all = List.copyOf(changed);
  }

  synchronized void remove(Object holder) {
    all = all.stream().filter(held -> held.holder != holder).toList();
  }

  /** The sources, best first. */
  List<BlobSource> bestFirst() {
    return all.stream()
        .map(Held::source)
        .sorted(Comparator.comparing(BlobSource::isQuarantined))
        .toList();
  }

  /** The best one; null if nobody brought any. */
  @Nullable BlobSource best() {
    List<Held> now = all;
    for (Held held : now) {
      if (!held.source.isQuarantined()) {
        return held.source;
      }
    }
    return now.isEmpty() ? null : now.getFirst().source;
  }

  /** Puts a source that failed behind the others. */
  synchronized void preferOthers(BlobSource failed) {
    List<Held> changed = new ArrayList<>(all);
    List<Held> last = new ArrayList<>();
    changed.removeIf(held -> held.source == failed && last.add(held));
    changed.addAll(last);
    all = List.copyOf(changed);
  }

  /** {@code source} gave bytes that do not prove, and so may all who have the same object. */
  void quarantine(BlobSource source) {
    for (Held held : all) {
      if (held.source.name().equals(source.name())) {
        held.source.quarantine();
      }
    }
  }
}
