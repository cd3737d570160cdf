# shellcheck shell=bash
# java -version from a cold mounted JDK, with 20 ms for each request.

"$aquifer" build "$jdk" -o "$work/images/jdk" >/dev/null
start_origin "$work/images" 20
mkdir -p "$mnt/jdk"
: >"$work/ours" >"$work/peer"
for _ in $(seq "$rounds"); do
  drop_caches
  start_daemon
  "$aquifer" mount "$url/jdk" "$mnt/jdk" -o domain_id=jdk >/dev/null
  seconds "$mnt/jdk/bin/java" -version 2>/dev/null >>"$work/ours"
  seconds "$mnt/jdk/bin/java" -version 2>/dev/null >>"$work/peer"
  umount "$mnt/jdk"
done
ours=$(median <"$work/ours") peer=$(median <"$work/peer")
row "java -version from a cold mount at 20 ms a request, seconds" "$ours" "$peer (again, warm)" \
  "$(ratio "$ours" "$peer")" "<= 1.5 s"
