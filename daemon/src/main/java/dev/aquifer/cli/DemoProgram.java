package dev.aquifer.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;

/**
 * The small application of the demo's second image, run by that image's own Java: checks the
 * digests of the files that came with it. Uses the JDK alone, for nothing else is in the image.
 */
final class DemoProgram {
  private DemoProgram() {}

  /** The first argument is the application's directory. */
  public static void main(String[] args) throws IOException, NoSuchAlgorithmException {
    Path directory = Path.of(args[0]);
    List<String> lines = Files.readAllLines(directory.resolve("SHA256SUMS"));
    for (String line : lines) {
      String name = line.substring(line.indexOf(' ')).strip();
      byte[] data = Files.readAllBytes(directory.resolve(name));
      byte[] digest = MessageDigest.getInstance("SHA-256").digest(data);
      if (!line.startsWith(HexFormat.of().formatHex(digest) + " ")) {
        System.out.println(name + ": wrong bytes");
        System.exit(1);
      }
    }
    System.out.printf(
        "%d files checked by Java %s of %s%n",
        lines.size(), Runtime.version(), System.getProperty("java.home"));
  }
}
