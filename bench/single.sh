# shellcheck shell=bash
# Images of one file of each of TREES (words; by default TREE) beside mkfs.erofs (1.9 or newer knows
# all of the options): wall time, JVM start included, processor time, and size. Ours is on the disk
# when it has its name, so the peer's time includes bringing its file there; the row "not on the disk"
# leaves that out.

# timed FILE COMMAND...: adds seconds until done, and of processor time, to FILE.
timed() {
  local file=$1 TIMEFORMAT="%R %U %S"
  shift
  { time "$@" >/dev/null 2>&1; } 2>&1 | awk '{ print $1, $2 + $3 }' >>"$file"
}

with_sync() { "$@" && sync "$work/single.peer.erofs"; }

# wanted OPTIONS TREE: how long ours may take, in times of the peer's.
wanted() {
  case $1 in
    *dedupe*) echo 0.8 ;;
    *zstd*) echo 1.0 ;;
    *lz4*) echo 1.5 ;;
    *) if [ "$(du -sm "$2" | cut -f 1)" -lt 400 ]; then echo 1.3; else echo 1.0; fi ;;
  esac
}

column() { cut -d ' ' -f "$2" "$1" | median; }

for tree in ${TREES:-${TREE:-/usr/lib/x86_64-linux-gnu}}; do
  find "$tree" -type f -exec cat {} + >/dev/null
  for options in "" "-zlz4" "-zzstd,level=3 -C65536" "-zlz4 -C65536 -Efragments,dedupe"; do
    : >"$work/single.ours" >"$work/single.peer" >"$work/single.bare"
    read -r -a words <<<"$options"
    ours_words=()
    for word in "${words[@]}"; do ours_words+=("${word:0:2}" "${word:2}"); done
    for _ in $(seq "$rounds"); do
      rm -f "$work"/single*.erofs
      timed "$work/single.ours" "$aquifer" build "$tree" -o "$work/single.erofs" --single "${ours_words[@]}"
      timed "$work/single.bare" "$mkfs" --quiet "${words[@]}" "$work/single.bare.erofs" "$tree"
      rm -f "$work/single.bare.erofs"
      timed "$work/single.peer" with_sync "$mkfs" --quiet "${words[@]}" "$work/single.peer.erofs" "$tree"
    done
    what="one file of ${tree##*/}, $(du -sm "$tree" | cut -f 1) MiB, ${options:-uncompressed}"
    mine=$(column "$work/single.ours" 1)
    theirs=$(column "$work/single.peer" 1)
    row "$what, seconds" "$mine" "$theirs (mkfs.erofs)" "$(ratio "$mine" "$theirs") times as long" \
      "<= $(wanted "$options" "$tree")"
    theirs=$(column "$work/single.bare" 1)
    row "$what, seconds" "$mine" "$theirs (mkfs.erofs, not on the disk)" "$(ratio "$mine" "$theirs") times as long" ""
    mine=$(column "$work/single.ours" 2)
    theirs=$(column "$work/single.bare" 2)
    row "$what, processor seconds" "$mine" "$theirs" "$(ratio "$mine" "$theirs")" ""
    mine=$(stat -c %s "$work/single.erofs")
    theirs=$(stat -c %s "$work/single.peer.erofs")
    row "$what, bytes" "$mine" "$theirs" "$(ratio "$mine" "$theirs")" "<= 1.02"
  done
done
