package dev.aquifer.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

class ByteNamesTest {
  @Property
  void losesNoByte(@ForAll @Size(max = 300) byte[] name) {
    assertThat(ByteNames.toBytes(ByteNames.toText(name))).isEqualTo(name);
  }

  @Property
  void isUtf8WhereThatIsWhatItIs(@ForAll int point) {
    int valid = Math.floorMod(point, 0xd800);
    String text = "a" + Character.toString(valid) + "\ud83d\ude00";
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    assertThat(ByteNames.toText(bytes)).isEqualTo(text);
    assertThat(ByteNames.toBytes(text)).isEqualTo(bytes);
  }

  @Test
  void showsOtherBytesAsLoneSurrogates() {
    // A byte that never starts a character, one cut short, and a surrogate encoded by itself.
    byte[] bytes = {
      'a', (byte) 0xff, (byte) 0xe2, (byte) 0x82, 'b', (byte) 0xed, (byte) 0xb2, (byte) 0x80
    };
    assertThat(ByteNames.toText(bytes)).isEqualTo("a\udcff\udce2\udc82b\udced\udcb2\udc80");
  }

  @Test
  void refusesWhatStandsForNoName() {
    assertThatThrownBy(() -> ByteNames.toBytes("a\ud800"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("character U+D800 stands alone: no name has it");
    assertThatThrownBy(() -> ByteNames.toBytes("\udc7f"))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void quotesForOneLine() {
    assertThat(ByteNames.quote("it's\na\\b\u00e9".getBytes(StandardCharsets.UTF_8)))
        .isEqualTo("'it\\x27s\\x0aa\\x5cb\\xc3\\xa9'");
  }
}
