# shellcheck shell=bash
# All files of a root file system's image, read through the library by 1 and 2 threads, beside one
# reader of erofsfuse (EROFSFUSE, built with --enable-fuse; else of the kernel's mount). TREE is what
# the image has in it.

tree=${TREE:-/usr/lib/x86_64-linux-gnu}
fuse=${EROFSFUSE:-erofsfuse}
peer=erofsfuse
command -v "$fuse" >/dev/null || peer="kernel mount"

# A file with many names is read once.
read_mount() {
  find "$1" -type f -printf '%i %p\0' | sort -zu -k 1,1n | cut -z -d ' ' -f 2- | xargs -0 cat
}

mount_peer() {
  if [ "$peer" = erofsfuse ]; then
    "$fuse" "$1" "$mnt/read" >/dev/null 2>&1
    await erofsfuse mountpoint -q "$mnt/read"
  else
    mount -t erofs -o loop,ro "$1" "$mnt/read"
  fi
}

mkdir -p "$mnt/read"
class_path=$(echo "$bench_dir"/../daemon/target/lib/*.jar | tr ' ' :)
for options in "" -zlz4 "-zzstd -C65536"; do
  rm -f "$work/read.erofs"
  # shellcheck disable=SC2086
  if ! "$mkfs" --quiet $options "$work/read.erofs" "$tree" >/dev/null 2>&1; then
    echo "-- $mkfs knows no $options: set MKFS_EROFS" >&2
    continue
  fi
  cat "$work/read.erofs" >/dev/null
  : >"$work/one" >"$work/two" >"$work/peer"
  for _ in $(seq "$rounds"); do
    for threads in 1 2; do
      name=one
      [ $threads = 1 ] || name=two
      "$java" --enable-native-access=ALL-UNNAMED -cp "$class_path" "$bench_dir/ReadAll.java" \
        "$work/read.erofs" $threads | cut -d ' ' -f 2 >>"$work/$name"
    done
    mount_peer "$work/read.erofs"
    seconds read_mount "$mnt/read" >>"$work/peer"
    umount "$mnt/read"
  done
  theirs=$(median <"$work/peer")
  for name in one:">= 0.7" two:">= 1"; do
    ours=$(median <"$work/${name%%:*}")
    row "reading $(du -sm "$tree" | cut -f 1) MiB, mkfs ${options:-uncompressed}, ${name%%:*} thread(s), seconds" \
      "$ours" "$theirs ($peer, one reader)" "$(ratio "$theirs" "$ours") times as fast" "${name#*:}"
  done
done
rm -f "$work/read.erofs"
