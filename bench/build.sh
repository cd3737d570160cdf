# shellcheck shell=bash
# aquifer build of image layouts: the JDK's tree beside mkfs.erofs, compression off in both; TREE by
# default and again with --reuse; a million files. JVM start included.

: >"$work/ours" >"$work/peer" >"$work/zstd"
cat $(find "$jdk" -type f) >/dev/null
for _ in $(seq "$rounds"); do
  rm -rf "$work/images/built" "$work/mkfs".*
  seconds "$aquifer" build "$jdk" -o "$work/images/built" --compression none >>"$work/ours"
  seconds "$mkfs" --quiet --chunksize=65536 --blobdev="$work/mkfs.blob" "$work/mkfs.img" "$jdk" \
    >>"$work/peer" 2>/dev/null
  rm -rf "$work/images/built"
  seconds "$aquifer" build "$jdk" -o "$work/images/built" >>"$work/zstd"
done
size=$(du -sm "$jdk" | cut -f 1)
ours=$(median <"$work/ours") peer=$(median <"$work/peer") zstd=$(median <"$work/zstd")
row "build of $size MiB without compression, seconds" "$ours" "$peer (mkfs.erofs --chunksize)" \
  "$(ratio "$ours" "$peer")" "<= 2"
row "build of $size MiB with default compression, seconds" "$zstd" "$peer (the same, uncompressed)" \
  "$(ratio "$zstd" "$peer")" ""

# Span blobs of TREE by default compression, and of a second tree of which 99 % are the same.
tree=${TREE:-/usr/lib/x86_64-linux-gnu}
find "$tree" -type f -exec cat {} + >/dev/null
bytes=$(du -sb --apparent-size "$tree" | cut -f 1)
mkdir -p "$work/second"
cp -a "$tree" "$work/second/"
head -c $((bytes / 100 * 3 / 4)) /dev/urandom | base64 >"$work/second/new"
: >"$work/first" >"$work/reusing"
for _ in $(seq "$rounds"); do
  rm -rf "$work/images/first" "$work/images/reusing"
  seconds "$aquifer" build "$tree" -o "$work/images/first" >>"$work/first"
  seconds "$aquifer" build "$work/second" -o "$work/images/reusing" --reuse "$work/images/first" \
    >>"$work/reusing"
done
first=$(median <"$work/first") reusing=$(median <"$work/reusing")
row "build of $((bytes >> 20)) MiB, zstd spans, MB/s of input" \
  "$(awk -v b="$bytes" -v s="$first" 'BEGIN { printf "%.0f", b / s / 1e6 }')" "" "" ">= 250"
row "build of the same with 1 % more, --reuse, seconds" "$reusing" "$first (the first)" \
  "$(ratio "$reusing" "$first")" "<= 0.4"
rm -rf "$work/second" "$work/images/first" "$work/images/reusing"

files=${BUILD_FILES:-1000000}
mkdir -p "$work/many"
awk -v n="$files" -v dir="$work/many" 'BEGIN {
  for (i = 0; i < n; i++) {
    d = dir "/" int(i / 1000)
    if (i % 1000 == 0) system("mkdir -p " d)
    f = d "/" i; print "small file " i > f; close(f)
  }
}'
"$aquifer" build "$work/many" -o "$work/images/many" >/dev/null 2>"$work/many.log" &
pid=$!
peak=0
# The launcher becomes the JVM by exec, so this is the JVM's own peak.
while hwm=$(awk '/VmHWM/ { print $2 }' "/proc/$pid/status" 2>/dev/null) && [ -n "$hwm" ]; do
  peak=$hwm
  sleep 0.1
done
wait "$pid" || { cat "$work/many.log" >&2; exit 1; }
row "build of $files small files, peak RSS in MiB" "$((peak / 1024))" "" "" "< 1024"
rm -rf "$work/many" "$work/images/many"
