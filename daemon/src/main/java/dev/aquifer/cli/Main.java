package dev.aquifer.cli;

/** The program's entry point. */
public final class Main {
  private Main() {}

  /** Runs the command line in {@code args} and ends the process with its exit code. */
  public static void main(String[] args) {
    int exitCode = run(args);
    System.out.flush();
    System.err.flush();
    // Not System.exit: that asks for a logger first, and setting up logging takes far longer than
    // most commands. There are no shutdown hooks to miss.
    Runtime.getRuntime().halt(exitCode);
  }

  private static int run(String[] args) {
    if (args.length == 1 && args[0].equals("--version")) {
      System.out.println("aquifer 0.1.0-SNAPSHOT");
      return 0;
    }
    System.err.println("aquifer: no such command yet");
    return 2;
  }
}
