# shellcheck shell=bash
# Extracting an image to a directory, from the start of the command to its end, beside fsck.erofs
# --extract (FSCK_EROFS, of version 1.6 or newer) of the same image to the same file system: that of
# SCRATCH, and a tmpfs. EXTRACT_TREE is what the image has in it. On ext4, making names is slow for a
# minute after others were deleted, for both, which hides part of what ours takes longer.

tree=${EXTRACT_TREE:-$jdk}
peer=${FSCK_EROFS:-fsck.erofs}

extract_ours() { "$aquifer" extract "$work/extract.erofs" "$target/extracted"; }
extract_peer() { "$peer" --extract="$target/extracted" --preserve "$work/extract.erofs"; }
mkdir -p "$work/disk" "$work/tmpfs"
mount -t tmpfs -o size=2g tmpfs "$work/tmpfs"

for options in "" -zlz4 "-zzstd -C65536"; do
  rm -f "$work/extract.erofs"
  # shellcheck disable=SC2086
  if ! "$mkfs" --quiet $options "$work/extract.erofs" "$tree" >/dev/null 2>&1; then
    echo "-- $mkfs knows no $options: set MKFS_EROFS" >&2
    continue
  fi
  cat "$work/extract.erofs" >/dev/null
  for target in "$work/disk" "$work/tmpfs"; do
    : >"$work/ours" >"$work/peer"
    for _ in $(seq "$rounds"); do
      for name in ours peer; do
        rm -rf "$target/extracted"
        # What the last one wrote is not written back meanwhile.
        sync -f "$target"
        seconds "extract_$name" >>"$work/$name"
      done
    done
    ours=$(median <"$work/ours")
    theirs=$(median <"$work/peer")
    row "extracting $(du -sm "$tree" | cut -f 1) MiB, mkfs ${options:-uncompressed}, to ${target##*/}, seconds" \
      "$ours" "$theirs (fsck.erofs)" "$(ratio "$ours" "$theirs") times as long" "<= 1.2"
  done
done
umount "$work/tmpfs"
rm -rf "$work/extract.erofs" "$work/disk" "$work/tmpfs"
