# shellcheck shell=bash
# The daemon's resident memory, and the time of a mount whose bootstrap is cached.

rss() { awk '/VmRSS/ { print int($2 / 1024) }' "/proc/$daemon_pid/status"; }

noise_tree "$work/tree-memory" 16
"$aquifer" build "$work/tree-memory" -o "$work/images/memory" >/dev/null
start_daemon
# It gives back what its start took when it has been idle for a while.
sleep 15
row "idle daemon, resident MiB" "$(rss)" "" "" "< 90"
for i in $(seq 200); do
  mkdir -p "$mnt/m$i"
  curl -sf --unix-socket "$AQUIFER_RUN_DIR/aquifer.sock" -H 'Content-Type: application/json' \
    -w '%{time_total}\n' -o /dev/null http://localhost/v1/mounts \
    -d "{\"source\":\"$work/images/memory\",\"target\":\"$mnt/m$i\",\"options\":\"domain_id=memory\"}" \
    >>"$work/mount-times"
done
row "daemon with 200 mounts in one domain, resident MiB" "$(rss)" "" "" "< 200"
row "mount with a cached bootstrap, milliseconds in the daemon" \
  "$(median <"$work/mount-times" | awk '{ printf "%.0f", $1 * 1000 }')" "" "" "< 50"
unmount_all
