package dev.aquifer.cli;

/** The program's entry point. */
public final class Main {
  private Main() {}

  /** Runs the command line in {@code args} and ends the process with its exit code. */
  public static void main(String[] args) {
    if (args.length == 1 && args[0].equals("--version")) {
      System.out.println("aquifer 0.1.0-SNAPSHOT");
      return;
    }
    System.err.println("aquifer: no such command yet");
    System.exit(2);
  }
}
