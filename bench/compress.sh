# shellcheck shell=bash
# Cutting 120 MB of the files of TREE into compressed clusters, with 1 and 2 threads, beside mkfs.erofs
# with as many workers, which also writes the image; the files are joined to pieces of 12 MB, so that
# next to nothing of the image is metadata. COMPRESSIONS says which, and at what size of cluster.

tree=${TREE:-/usr/lib/x86_64-linux-gnu}
mkdir -p "$work/compress"
find "$tree" -type f -size -10M ! -name '*.gz' -print0 | sort -z | xargs -0 cat 2>/dev/null |
  head -c 120000000 | split -b 12000000 - "$work/compress/" || true
cat "$work/compress/"* >/dev/null
class_path=$(echo "$bench_dir"/../daemon/target/lib/*.jar | tr ' ' :)

# mkfs_seconds WORKERS COMPRESSION CLUSTER: seconds until done, and of processor time.
mkfs_seconds() {
  rm -f "$work/compress.erofs"
  local TIMEFORMAT="%R %U %S"
  { time "$mkfs" --quiet --workers="$1" "-z$2" "-C$3" "$work/compress.erofs" "$work/compress" \
    >/dev/null 2>&1; } 2>&1 | awk '{ print $1, $2 + $3 }'
}

# column FILE N
column() { cut -d ' ' -f "$2" "$1" | median; }

rate() { awk -v s="$1" 'BEGIN { printf "%.1f", 120 / s }'; }

for what in ${COMPRESSIONS:-lz4@4096 lz4@65536 lz4hc@4096 lz4hc@65536 lz4hc,level=12@4096 \
  zstd,level=3@4096 zstd,level=3@65536 deflate,level=1@65536 deflate,level=9@4096 \
  deflate,level=9@65536 lzma@65536}; do
  compression=${what%@*} cluster=${what#*@}
  for threads in 1 2; do
    : >"$work/compress.ours" >"$work/compress.peer"
    for _ in $(seq "$rounds"); do
      "$java" --enable-native-access=ALL-UNNAMED -cp "$class_path" "$bench_dir/Compress.java" \
        "$work/compress" "$compression" "$cluster" $threads >>"$work/compress.ours"
      mkfs_seconds $threads "$compression" "$cluster" >>"$work/compress.peer"
    done
    ours=$(column "$work/compress.ours" 2) theirs=$(column "$work/compress.peer" 1)
    row "-z$compression -C$cluster, $threads thread(s), MB/s" "$(rate "$ours")" \
      "$(rate "$theirs") (mkfs.erofs)" "$(ratio "$theirs" "$ours") times as fast" ""
    ours=$(column "$work/compress.ours" 3) theirs=$(column "$work/compress.peer" 2)
    row "-z$compression -C$cluster, $threads thread(s), processor seconds" "$ours" "$theirs" \
      "$(ratio "$ours" "$theirs")" ""
  done
  ours=$(column "$work/compress.ours" 1)
  theirs=$(($(stat -c %s "$work/compress.erofs") / 4096))
  row "-z$compression -C$cluster, blocks" "$ours" "$theirs" "$(ratio "$ours" "$theirs")" "<= 1.01"
done
rm -rf "$work/compress" "$work/compress.erofs"
