package dev.aquifer.image;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import org.junit.jupiter.api.Test;

/** What images say of themselves, against what dump.erofs and their index say. */
class SuperblockTest {
  @Test
  void namesTheFeaturesAsDumpErofsDoes() throws IOException {
    GoldenImages golden = GoldenImages.ofResources();
    int seen = 0;
    for (String id : golden.ids()) {
      if (!golden.facts(id).has("features")) {
        continue;
      }
      String words =
          golden.facts(id).get("features").get(0).asText()
              + " "
              + golden.facts(id).get("features").get(1).asText();
      if (words.isBlank()) {
        continue;
      }
      Set<String> expected = new HashSet<>(List.of(words.trim().split(" +")));
      // The other names of the same bits.
      Map<String, String> twins = new HashMap<>();
      twins.put("sb_csum", "sb_chksum");
      twins.put("compr_cfgs", "compr_cfgs/big_pcluster");
      twins.put("big_pcluster", "compr_cfgs/big_pcluster");
      twins.put("device_table", "device_table/compr_head2");
      twins.put("fragments", "fragments/dedupe");
      twins.put("dedupe", "fragments/dedupe");
      Set<String> names = new HashSet<>();
      expected.forEach(name -> names.add(twins.getOrDefault(name, name)));
      Set<String> shown = new HashSet<>();
      golden
          .open(id)
          .superblock()
          .features()
          .forEach(feature -> shown.add(feature.onDiskName().toLowerCase(Locale.ROOT)));
      assertThat(shown).as(id).isEqualTo(names);
      seen++;
    }
    assertThat(seen).isGreaterThan(25);
  }

  @Test
  void tellsWhatItWasGiven() throws IOException {
    GoldenImages golden = GoldenImages.ofResources();
    Superblock superblock = golden.open("06-b512").superblock();
    assertThat(superblock.blockSizeBytes()).isEqualTo(512);
    assertThat(superblock.uuid())
        .isEqualTo(UUID.fromString("12345678-1234-5678-9abc-def012345678"));
    assertThat(superblock.buildTimeSeconds()).isEqualTo(1_600_000_000);
    assertThat(superblock.volumeName()).isEmpty();
    // With 48BIT the time is in two parts.
    assertThat(golden.open("97-metabox").superblock().buildTimeSeconds()).isEqualTo(1_600_000_000);
    assertThat(golden.open("05-label").superblock().volumeName()).isEqualTo("golden-label-15");
  }

  @Test
  void tellsTheDevices() throws IOException {
    GoldenImages golden = GoldenImages.ofResources();
    List<DeviceSlot> slots = golden.open("A0-merge-multidev").deviceSlots();
    assertThat(slots).hasSize(2);
    assertThat(slots.get(0).device()).isEqualTo(1);
    assertThat(slots.get(0).blocks()).isEqualTo(166);
    assertThat(slots.get(0).tag()).isEqualTo("12345678000156789abcdef012345678");
    assertThat(slots.get(1).uniaddrBlocks()).isEqualTo(slots.get(0).uniaddrBlocks() + 166);
  }
}
