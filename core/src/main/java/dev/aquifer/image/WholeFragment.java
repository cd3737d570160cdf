package dev.aquifer.image;

/** A file that is wholly in the packed inode. */
final class WholeFragment extends ClusterMap {
  private final Cluster whole;

  WholeFragment(Volume volume, Inode inode, MapHeader header) {
    super(volume, inode);
    this.whole = Cluster.fragment(0, inode.sizeBytes(), header.fragmentOffset());
  }

  @Override
  Cluster look(long offset) {
    return whole;
  }
}
