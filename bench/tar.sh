# shellcheck shell=bash
# aquifer build of tar archives with many names in one directory, beside mkfs.erofs --tar=f.

many_names() {
  python3 - "$1" "$2" <<'PY'
import io, sys, tarfile
with tarfile.open(sys.argv[1], "w") as archive:
    for i in range(int(sys.argv[2])):
        data = b"small file %d" % i
        entry = tarfile.TarInfo("directory/file-%07d" % i)
        entry.size = len(data)
        archive.addfile(entry, io.BytesIO(data))
PY
}

many_names "$work/names.tar" 100000
: >"$work/ours"
for _ in $(seq "$rounds"); do
  rm -rf "$work/images/names"
  seconds "$aquifer" build "$work/names.tar" -o "$work/images/names" >>"$work/ours"
done
ours=$(median <"$work/ours") peer='' times=''
if "$mkfs" --help 2>&1 | grep -q -e --tar=; then
  # Once is enough: its time grows with the square of the names.
  peer=$(seconds "$mkfs" --quiet --tar=f "$work/names.img" "$work/names.tar")
  times=$(ratio "$ours" "$peer")
fi
row "build of an archive with 100,000 names in a directory, seconds" "$ours" \
  "${peer:+$peer (mkfs.erofs --tar=f)}" "$times" "< 2"

many_names "$work/names.tar" 1000000
rm -rf "$work/images/names"
AQUIFER_JAVA_OPTS=-Xmx1g "$aquifer" build "$work/names.tar" -o "$work/images/names" \
  >/dev/null 2>"$work/names.log" &
pid=$!
peak=0
while hwm=$(awk '/VmHWM/ { print $2 }' "/proc/$pid/status" 2>/dev/null) && [ -n "$hwm" ]; do
  peak=$hwm
  sleep 0.1
done
wait "$pid" || { cat "$work/names.log" >&2; exit 1; }
row "build of an archive with 1,000,000 names, heap of 1 GiB, peak RSS in MiB" "$((peak / 1024))" "" "" ""
rm -rf "$work/names.tar" "$work/names.img" "$work/images/names"
