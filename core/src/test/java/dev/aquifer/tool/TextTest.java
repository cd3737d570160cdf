package dev.aquifer.tool;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.aquifer.image.ByteNames;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class TextTest {
  @Test
  void percentFormKeepsPrintableAscii() {
    byte[] path = {'/', 'a', ' ', '%', (byte) 0xff, 0x7f, '~', '\n'};

    assertThat(PathText.percent(path)).isEqualTo("/a%20%25%FF%7F~%0A");
  }

  @Test
  void shownFormMovesNoCursorAndReadsBack() {
    for (String name :
        new String[] {"plain", "é\u20ac", "\u001b[2J", "a\\b", "new\nline", "\u202egnp.exe"}) {
      byte[] bytes = name.getBytes(StandardCharsets.UTF_8);
      String shown = PathText.shown(bytes);

      assertThat(shown.chars()).noneMatch(c -> Character.isISOControl(c) || c == 0x202e);
      assertThat(ByteNames.toBytes(PathText.parse(shown))).isEqualTo(bytes);
    }
    byte[] raw = {'b', (byte) 0xff};
    assertThat(PathText.shown(raw)).isEqualTo("b\\xff");
    assertThat(ByteNames.toBytes(PathText.parse("b\\xff"))).isEqualTo(raw);
  }

  @Test
  void jsonIsJson() throws Exception {
    String odd = "\"\\\u0000\u001f\n\r\t\b\f/é\u20ac\ud83d\ude00\u2028";
    JsonObject object =
        new JsonObject()
            .put("text", odd)
            .put("absent", null)
            .put("number", Long.MIN_VALUE)
            .put("truth", true)
            .put("list", List.of(1, "two", new JsonObject().put("k", "v")))
            .put("map", Map.of("x", 1));

    JsonNode read = new ObjectMapper().readTree(object.toString());

    assertThat(object.toString()).isASCII().doesNotContain("\n");
    assertThat(read.get("text").asText()).isEqualTo(odd);
    assertThat(read.has("absent")).isFalse();
    assertThat(read.get("number").asLong()).isEqualTo(Long.MIN_VALUE);
    assertThat(read.get("truth").asBoolean()).isTrue();
    assertThat(read.get("list").get(2).get("k").asText()).isEqualTo("v");
    assertThat(read.get("map").get("x").asInt()).isEqualTo(1);
  }

  @Test
  void timesBeforeTheEpochAreDecimal() {
    assertThat(TarHeader.time(-2, 999_999_999)).isEqualTo("-1.000000001");
    assertThat(TarHeader.time(-1, 500_000_000)).isEqualTo("-0.500000000");
    assertThat(TarHeader.time(7, 1)).isEqualTo("7.000000001");
    assertThat(TarHeader.time(-7, 0)).isEqualTo("-7");
  }
}
