# shellcheck shell=bash
# How much blob data a further mount fetches, counted at the origin.

# Of the objects that hold blobs, not of manifests and bootstraps.
blob_bytes() { awk -v o="$object" 'index($0, o) { sum += $NF } END { print sum + 0 }' "$work/origin.log"; }

noise_tree "$work/tree-a" 64
"$aquifer" build "$work/tree-a" -o "$work/images/second-a" >/dev/null
object=$(find "$work/images/second-a/blobs/sha256" -size +1M -printf '%f\n')
start_origin "$work/images"
start_daemon
fetched=()
for step in one:shop two:shop three:other; do
  before=$(blob_bytes)
  mkdir -p "$mnt/${step%:*}"
  "$aquifer" mount "$url/second-a" "$mnt/${step%:*}" -o "domain_id=${step#*:},fsid=${step%:*}" >/dev/null
  cat "$mnt/${step%:*}"/* >/dev/null
  fetched+=($(($(blob_bytes) - before)))
done
row "blob bytes fetched: second mount, same domain" "${fetched[1]}" "${fetched[0]} (first mount)" \
  "$(ratio "${fetched[1]}" "${fetched[0]}")" "0"
row "blob bytes fetched: mount in another domain" "${fetched[2]}" "${fetched[0]} (first mount)" \
  "$(ratio "${fetched[2]}" "${fetched[0]}")" "1"
unmount_all
