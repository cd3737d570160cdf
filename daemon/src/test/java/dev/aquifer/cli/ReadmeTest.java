package dev.aquifer.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.aquifer.testing.Requires;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What README.md tells its readers to type works, in the order in which it stands there. */
@Tag("root")
@Tag("slow")
class ReadmeTest {
  private static final Path HELPER = Path.of("/sbin/mount.aquifer");
  private static final Pattern BLOCK =
      Pattern.compile("<!-- tested[^>]*-->\\n```sh\\n(.*?)```\\n", Pattern.DOTALL);

  @Test
  void itsCommandsWork() throws Exception {
    Requires.tool("mkfs.erofs");
    Requires.that(!Files.exists(HELPER, LinkOption.NOFOLLOW_LINKS), "needs " + HELPER + " free");
    try (DaemonHome home = DaemonHome.create()) {
      List<String> blocks = blocks();
      assertThat(blocks).hasSizeGreaterThanOrEqualTo(3);
      Path script = home.directory.resolve("session.sh");
      Files.writeString(script, script(home, blocks));

      Program.Outcome outcome = home.execute("bash", "-eux", script);

      assertThat(outcome.exitCode()).as(outcome.out() + outcome.err()).isZero();
      assertThat(outcome.out())
          .contains("built in ", "reused", "hello", "TARGET", "shop", "unmounted");
      assertThat(home.mounts()).isEmpty();
    } finally {
      Files.deleteIfExists(HELPER);
    }
  }

  private static List<String> blocks() throws IOException {
    List<String> blocks = new ArrayList<>();
    Matcher matcher = BLOCK.matcher(Files.readString(Program.checkout().resolve("README.md")));
    while (matcher.find()) {
      blocks.add(matcher.group(1));
    }
    return blocks;
  }

  /** The same commands in a place of their own: other mount points, another port. */
  private static String script(DaemonHome home, List<String> blocks) throws IOException {
    StringBuilder script = new StringBuilder("trap 'kill $(jobs -p)' EXIT\n");
    for (String line : String.join("", blocks).lines().toList()) {
      script.append(line).append('\n');
      if (line.contains(" origin ")) {
        // People type slower than a JVM starts.
        script.append("until grep -q http origin.log; do sleep 0.1; done\n");
      }
    }
    return script
        .toString()
        .replace("./aquifer ", home.aquifer + " ")
        .replace("/mnt/", home.directory + "/mnt/")
        .replace("8080", Integer.toString(freePort()));
  }

  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    }
  }
}
