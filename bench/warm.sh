# shellcheck shell=bash
# Reads of a complete, unmarked blob beside the same files in a plain kernel mount.

noise_tree "$work/tree-warm" 512
"$aquifer" build "$work/tree-warm" -o "$work/images/warm" --compression none >/dev/null
start_daemon
mkdir -p "$mnt/warm" "$mnt/plain"
"$aquifer" mount "$work/images/warm" "$mnt/warm" -o domain_id=warm,prefetch=all
cat "$mnt/warm"/* >/dev/null
blob=$(find "$AQUIFER_CACHE_DIR" -name data -size +1M)
bootstrap=$(find "$AQUIFER_CACHE_DIR" -path '*bootstraps*' -type f)
cp "$blob" "$work/plain.blob"
cp "$bootstrap" "$work/plain.bootstrap"
"$work/emount" "$work/plain.bootstrap" "$mnt/plain" "$work/plain.blob"
echo 1024 | tee /sys/class/bdi/erofs-*/read_ahead_kb >/dev/null
cat "$mnt/plain/noise" "$work/plain.blob" "$blob" >/dev/null

# A sequential run takes a tenth of a second: it needs more of them.
for mode in read:1M:sequential:5 randread:4k:random:1; do
  IFS=: read -r rw bs word times <<<"$mode"
  : >"$work/ours" >"$work/peer"
  for _ in $(seq $((times * rounds))); do
    fio_rate "$mnt/warm/noise" "$rw" "$bs" >>"$work/ours"
    fio_rate "$mnt/plain/noise" "$rw" "$bs" >>"$work/peer"
  done
  ours=$(median <"$work/ours") peer=$(median <"$work/peer")
  row "complete blob, $word reads of $bs a second" "$ours" "$peer (plain kernel mount)" \
    "$(ratio "$ours" "$peer")" ">= 0.95"
done
unmount_all
rm -f "$work"/plain.*
