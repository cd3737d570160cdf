package dev.aquifer.build;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class XattrTableTest {
  @TempDir Path temp;

  private static SourceEntry file(MemoryTree tree, String name) {
    return tree.children(tree.root()).stream()
        .filter(
            entry ->
                new String(entry.name(), java.nio.charset.StandardCharsets.US_ASCII).equals(name))
        .findFirst()
        .orElseThrow();
  }

  @Test
  void valuesThatEachFileHasForItselfNeedNoMemory() throws IOException {
    int count = 40_000;
    int valueBytes = 4000;
    MemoryTree tree = new MemoryTree();
    MemoryTree.Item item = tree.file("f", new byte[0]);
    SourceEntry file = file(tree, "f");
    try (Spool spool = Spool.create(OutputFile.create(temp.resolve("spool")))) {
      XattrTable table = new XattrTable(spool, LongPrefixes.NONE);
      List<XattrSet> sets = new ArrayList<>();
      long before = usedBytes();
      for (int i = 0; i < count; i++) {
        item.xattrs.clear();
        item.xattrs.add(Xattr.of("security.ima", TestTrees.noise(i, valueBytes)));
        sets.add(table.add(tree.xattrs(file), tree, file));
      }
      assertThat(usedBytes() - before).isLessThan(count * 400L);
      assertThat(table.share()).isZero();
      assertThat(sets.getLast().bodyBytes()).isEqualTo(12 + 4 + 3 + valueBytes + 1);
    }
  }

  private static long usedBytes() {
    System.gc();
    return Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
  }

  @Test
  void filesWithTheSameAttributesHaveOneSet() throws IOException {
    MemoryTree tree = new MemoryTree();
    for (String name : List.of("a", "b", "c")) {
      tree.file(name, new byte[0]).xattr("user.x", "1").xattr("user.y", "2");
    }
    tree.file("other", new byte[0]).xattr("user.x", "12").xattr("user.z", "");
    try (Spool spool = Spool.create(OutputFile.create(temp.resolve("spool")))) {
      XattrTable table = new XattrTable(spool, LongPrefixes.NONE);
      add(table, tree, "a");
      XattrSet second = add(table, tree, "b");
      assertThat(add(table, tree, "c")).isSameAs(second);
      assertThat(add(table, tree, "b")).isSameAs(second);
      add(table, tree, "a");
      assertThat(table.share()).isEqualTo(2 * 8);
      assertThat(table.shared()).hasSize(2);
    }
  }

  private static XattrSet add(XattrTable table, MemoryTree tree, String name) throws IOException {
    SourceEntry file = file(tree, name);
    return table.add(tree.xattrs(file), tree, file);
  }
}
