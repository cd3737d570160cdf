# shellcheck shell=bash
# First read of a 256 MiB file from a loopback origin, beside curl of the plain blob to disk.

noise_tree "$work/tree-cold" 256
rm -rf "$work/images/cold"
"$aquifer" build "$work/tree-cold" -o "$work/images/cold" --compression none >/dev/null
object=$(find "$work/images/cold/blobs/sha256" -size +100M -printf '%f\n')
start_origin "$work/images"
mkdir -p "$mnt/cold"
: >"$work/ours" >"$work/peer"
start_daemon
"$aquifer" mount "$url/cold" "$mnt/cold" -o domain_id=cold-0 >/dev/null
row "cold 256 MiB file by a daemon just started, seconds" \
  "$(seconds dd if="$mnt/cold/noise" of=/dev/null bs=1M status=none)" "" "" ""
umount "$mnt/cold"
for round in $(seq "$rounds"); do
  drop_caches
  cat "$work/images/cold/blobs/sha256/$object" >/dev/null
  seconds curl -sf -o "$work/curled" "$url/cold/blobs/sha256/$object" >>"$work/peer"
  rm -f "$work/curled"
  # A domain of its own shares nothing with the rounds before.
  "$aquifer" mount "$url/cold" "$mnt/cold" -o "domain_id=cold-$round" >/dev/null
  seconds dd if="$mnt/cold/noise" of=/dev/null bs=1M status=none >>"$work/ours"
  umount "$mnt/cold"
done
ours=$(median <"$work/ours") peer=$(median <"$work/peer")
row "cold 256 MiB file, seconds" "$ours" "$peer (curl to disk)" "$(ratio "$peer" "$ours")" ">= 0.5"
