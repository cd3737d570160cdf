package dev.aquifer.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicLong;

/** What an extraction could not put, counted by kind and reason. Safe for use by many threads. */
final class LeftOut {
  private final Map<String, AtomicLong> counts = new TreeMap<>();

  /** One more of {@code what}: words in the plural, with the reason. */
  synchronized void add(String what) {
    counts.computeIfAbsent(what, kind -> new AtomicLong()).incrementAndGet();
  }

  /** One line for each kind: how many, and what. */
  synchronized List<String> lines() {
    List<String> lines = new ArrayList<>();
    counts.forEach((what, count) -> lines.add("left out: " + count + " " + what));
    return lines;
  }
}
