# shellcheck shell=bash
# Random reads of a marked blob in which all that is read is present: each is an event. The peer is
# a small C program that answers the same events.

noise_tree "$work/tree-marked" 256
"$aquifer" build "$work/tree-marked" -o "$work/images/marked" --compression none >/dev/null
start_daemon
mkdir -p "$mnt/marked" "$mnt/probed"
# The second file is never read, so the blob stays incomplete, and marked.
"$aquifer" mount "$work/images/marked" "$mnt/marked" -o domain_id=marked,prefetch=0
cat "$mnt/marked/noise" >/dev/null
missing() { "$aquifer" status --json | jq '.domains[].blobs[] | .spansTotal - .spansPresent'; }
blob=$(find "$AQUIFER_CACHE_DIR" -name data -size +1M)
cp "$(find "$AQUIFER_CACHE_DIR" -path '*bootstraps*' -type f)" "$work/probed.bootstrap"
cp "$blob" "$work/probed.blob"
mkfifo "$work/probe.input"
"$work/marked" serve "$work/probed.blob" <"$work/probe.input" >"$work/probe.log" 2>&1 &
probe_pid=$!
exec 8>"$work/probe.input" # the probe ends with its input
await "the probe" grep -q ready "$work/probe.log"
"$work/emount" "$work/probed.bootstrap" "$mnt/probed" "$work/probed.blob"
# Not $blob: who reads it beside the mount is asked about, too, and completes it.
cat "$mnt/probed/noise" >/dev/null

: >"$work/ours" >"$work/peer"
for _ in $(seq "$rounds"); do
  "$work/marked" read "$mnt/marked/noise" 40000 >>"$work/ours"
  "$work/marked" read "$mnt/probed/noise" 40000 >>"$work/peer"
done
[ "$(missing)" -gt 0 ] || { echo "bench/run: the blob is complete, so nothing was asked" >&2; exit 1; }
ours=$(median <"$work/ours") peer=$(median <"$work/peer")
row "marked blob, all present, random reads of 4k a second" "$ours" "$peer (C probe)" \
  "$(ratio "$ours" "$peer")" ">= 0.89"
unmount_all
exec 8>&-
wait "$probe_pid" 2>/dev/null || true
probe_pid=
rm -f "$work"/probed.*
