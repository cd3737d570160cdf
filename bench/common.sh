# shellcheck shell=bash
# What the benchmarks share. Sourced by bench/run.

bench_dir=$PWD
aquifer=$bench_dir/../aquifer
mkfs=${MKFS_EROFS:-mkfs.erofs}
rounds=${ROUNDS:-5}
table=/dev/null

need_tools() {
  local tool missing=()
  for tool in gcc fio jq curl "$mkfs"; do
    command -v "$tool" >/dev/null || missing+=("$tool")
  done
  if [ ${#missing[@]} -gt 0 ]; then
    echo "bench/run: missing: ${missing[*]} (apt-get install gcc fio jq curl erofs-utils)" >&2
    exit 69
  fi
  if [ "$(id -u)" -ne 0 ]; then
    echo "bench/run: needs root, to mount" >&2
    exit 1
  fi
}

set_up() {
  work=$(mktemp -d "${SCRATCH:-/var/tmp}/aquifer-bench.XXXXXX")
  export AQUIFER_RUN_DIR=$work/run AQUIFER_CACHE_DIR=$work/cache
  "$aquifer" --version >/dev/null
  . "$bench_dir/../bin/find-jdk.sh"
  find_jdk
  java=$jdk/bin/java
  local probe
  for probe in "$bench_dir"/*.c; do
    gcc -O2 -Wall -o "$work/$(basename "$probe" .c)" "$probe"
  done
  mnt=$work/mnt
  mkdir -p "$mnt" "$work/images" "$AQUIFER_RUN_DIR"
  origin_pid= daemon_pid= probe_pid=
}

# Ends the process in variable $1, which we started, and waits for it.
end() {
  local pid=${!1}
  if [ -n "$pid" ]; then
    kill "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  fi
  printf -v "$1" ''
}

unmount_all() {
  local dir
  awk -v work="$work/" 'index($2, work) == 1 { print $2 }' /proc/mounts | sort -r |
    while read -r dir; do umount "$dir" || umount -l "$dir"; done
}

clean_up() {
  unmount_all
  end daemon_pid
  end probe_pid
  end origin_pid
  rm -rf "$work"
}

# start_origin DIR [DELAY_MILLIS]: sets url; each request is a line of $work/origin.log.
start_origin() {
  end origin_pid
  : >"$work/origin.log"
  "$aquifer" origin "$1" --port 0 --delay "${2:-0}" >"$work/origin.log" 2>&1 &
  origin_pid=$!
  await "the origin" grep -q 'http://' "$work/origin.log"
  url=$(grep -o 'http://[^ ]*' "$work/origin.log" | head -n 1)
  url=${url%/}
}

# A daemon with an empty cache.
start_daemon() {
  end daemon_pid
  rm -rf "$AQUIFER_CACHE_DIR"
  "$aquifer" daemon >"$work/daemon.log" 2>&1 &
  daemon_pid=$!
  await "the daemon" "$aquifer" status
}

# await WHAT COMMAND...: until it succeeds, 60 seconds at most.
await() {
  local what=$1 deadline=$((SECONDS + 60))
  shift
  until "$@" >/dev/null 2>&1; do
    if [ $SECONDS -ge $deadline ]; then
      echo "bench/run: $what did not come in 60 s" >&2
      tail -n 3 "$work"/*.log >&2
      exit 1
    fi
    sleep 0.05
  done
}

drop_caches() {
  sync
  echo 3 >/proc/sys/vm/drop_caches
}

median() { sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

# seconds COMMAND...: how long it took.
seconds() {
  local start=$EPOCHREALTIME
  "$@" >/dev/null
  awk -v a="$start" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.3f\n", b - a }'
}

# row WHAT OURS PEER RATIO WANTED
row() { echo "| $1 | $2 | $3 | $4 | $5 |" | tee -a "$table"; }

ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'; }

# A tree with one file of $2 MiB of noise, and a small second file that nobody reads.
noise_tree() {
  mkdir -p "$1"
  [ -f "$1/noise" ] || head -c "$2M" /dev/urandom >"$1/noise"
  [ -f "$1/unread" ] || head -c 4M /dev/urandom >"$1/unread"
}

# fio_rate FILE MODE BLOCK: operations a second, the file's own page cache dropped before.
fio_rate() {
  fio --name=b --filename="$1" --rw="$2" --bs="$3" --ioengine=psync --invalidate=1 \
    --readonly --norandommap=0 --runtime=4 --allow_file_create=0 --output-format=json |
    jq '.jobs[0].read.iops | round'
}
