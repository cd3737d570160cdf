package dev.aquifer.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.zip.CRC32;

/**
 * The small application of the demo's second image, run by that image's own Java: checks the files
 * that came with it. Uses the JDK alone, for nothing else is in the image; and of that only what
 * starts quickly, as one would with a program this small.
 */
final class DemoProgram {
  private DemoProgram() {}

  /** The first argument is the application's directory. */
  public static void main(String[] args) throws IOException {
    Path directory = Path.of(args[0]);
    List<String> lines = Files.readAllLines(directory.resolve("CHECKSUMS"));
    for (String line : lines) {
      int space = line.indexOf(' ');
      String name = line.substring(space + 1);
      CRC32 checksum = new CRC32();
      checksum.update(Files.readAllBytes(directory.resolve(name)));
      if (checksum.getValue() != Long.parseLong(line, 0, space, 16)) {
        System.out.println(name.concat(": wrong bytes"));
        System.exit(1);
      }
    }
    System.out.print(lines.size());
    System.out.print(" files checked by ");
    System.out.println(System.getProperty("java.home"));
  }
}
