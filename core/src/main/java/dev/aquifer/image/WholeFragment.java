package dev.aquifer.image;

/** A file that is wholly in the packed inode. */
final class WholeFragment extends ClusterMap {
  private final Cluster whole;
  private final long headerEnd;

  WholeFragment(Volume volume, Inode inode, MapHeader header) {
    super(volume, inode);
    this.whole = Cluster.fragment(0, inode.sizeBytes(), header.fragmentOffset());
    this.headerEnd = header.endBytes();
  }

  @Override
  long endBytes() {
    return headerEnd;
  }

  @Override
  Cluster look(long offset) {
    return whole;
  }
}
