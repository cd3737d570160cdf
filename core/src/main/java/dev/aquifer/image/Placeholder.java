package dev.aquifer.image;

/** Keeps the package from being empty, as module-info demands; goes with the first real class. */
final class Placeholder {
  private Placeholder() {}
}
