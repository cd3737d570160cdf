package dev.aquifer.blob;

import static org.assertj.core.api.Assertions.assertThat;

import dev.aquifer.blob.ReadAhead.Range;
import dev.aquifer.format.SpanTable;
import java.util.BitSet;
import org.junit.jupiter.api.Test;

class ReadAheadTest {
  private static final int SPAN = 4096;

  private static ReadAhead of(int spans, int window, int maxWindow) throws Exception {
    return new ReadAhead(
        SpanTable.unverified(12, (long) spans * SPAN),
        (long) window * SPAN,
        (long) maxWindow * SPAN);
  }

  @Test
  void aFirstMissIsFollowedByAWindow() throws Exception {
    ReadAhead ahead = of(100, 2, 16);
    assertThat(ahead.onRead(10, 10, true)).isEqualTo(new Range(11, 13));
    assertThat(ahead.isMarked(11, 11)).isTrue();
    assertThat(ahead.isMarked(12, 90)).isFalse();
  }

  @Test
  void nothingIsFetchedBehindWhatIsThere() throws Exception {
    assertThat(of(100, 2, 16).onRead(10, 10, false)).isNull();
  }

  @Test
  void theWindowDoublesUpToALimitWhileReadingGoesOn() throws Exception {
    ReadAhead ahead = of(1000, 1, 4);
    assertThat(ahead.onRead(0, 0, true)).isEqualTo(new Range(1, 2));
    assertThat(ahead.onRead(1, 1, false)).isEqualTo(new Range(2, 4));
    assertThat(ahead.onRead(2, 2, false)).isEqualTo(new Range(4, 8));
    assertThat(ahead.onRead(3, 3, false)).isNull();
    assertThat(ahead.onRead(4, 4, false)).isEqualTo(new Range(8, 12));
  }

  @Test
  void aReaderFasterThanTheOriginDoesNotRunAway() throws Exception {
    ReadAhead ahead = of(1000, 4, 8);
    assertThat(ahead.onRead(0, 0, true)).isEqualTo(new Range(1, 5));
    assertThat(ahead.onRead(1, 1, true)).isEqualTo(new Range(5, 13));
    assertThat(ahead.onRead(2, 2, true)).isNull();
    assertThat(ahead.onRead(4, 4, true)).isNull();
    assertThat(ahead.onRead(5, 5, true)).isEqualTo(new Range(13, 21));
  }

  @Test
  void endsAtTheEnd() throws Exception {
    ReadAhead ahead = of(10, 4, 8);
    assertThat(ahead.onRead(7, 7, true)).isEqualTo(new Range(8, 10));
    assertThat(ahead.onRead(8, 8, false)).isNull();
    assertThat(ahead.onRead(9, 9, true)).isNull();
  }

  @Test
  void zeroSwitchesItOff() throws Exception {
    ReadAhead ahead = of(100, 0, 0);
    assertThat(ahead.onRead(0, 0, true)).isNull();
    ahead.setWindow(SPAN, SPAN);
    assertThat(ahead.onRead(5, 5, true)).isEqualTo(new Range(6, 7));
    ahead.setWindow(0, 0);
    assertThat(ahead.onRead(6, 6, true)).isNull();
  }

  @Test
  void tellsSeveralReadersApart() throws Exception {
    ReadAhead ahead = of(10_000, 2, 8);
    for (int reader = 0; reader < 8; reader++) {
      ahead.onRead(reader * 1000, reader * 1000, true);
    }
    for (int reader = 0; reader < 8; reader++) {
      int at = reader * 1000;
      assertThat(ahead.onRead(at + 1, at + 1, false)).isEqualTo(new Range(at + 3, at + 7));
    }
  }

  @Test
  void forgetsTheOldestOfTooMany() throws Exception {
    ReadAhead ahead = of(10_000, 2, 8);
    for (int reader = 0; reader < 9; reader++) {
      ahead.onRead(reader * 1000, reader * 1000, true);
    }
    assertThat(ahead.isMarked(0, 999)).isFalse();
    assertThat(ahead.isMarked(1001, 1001)).isTrue();
  }

  @Test
  void everySpanOfASequentialReadIsAskedForOnce() throws Exception {
    ReadAhead ahead = of(500, 3, 32);
    BitSet asked = new BitSet();
    for (int i = 0; i < 500; i++) {
      boolean isMiss = !asked.get(i);
      Range range = isMiss || ahead.isMarked(i, i) ? ahead.onRead(i, i, isMiss) : null;
      asked.set(i);
      if (range != null) {
        assertThat(asked.get(range.first(), range.end()).isEmpty()).isTrue();
        asked.set(range.first(), range.end());
      }
      assertThat(isMiss).isEqualTo(i == 0);
    }
  }
}
