#!/usr/bin/env bash
# How much of a core the daemon takes with one radar at 20 Hz (3 x 64 x 128) and events at 0.3 Mev/s,
# without models: `daemon_cpu.sh [SECONDS]`. The sensors are virtual, over pseudo-terminals.
# CPU time of the daemon's process alone, from /proc/PID/stat; the devices' own is not in it.
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${1:-20}
work=$(mktemp -d)
started=()
stop() { kill "${started[@]}" 2>/dev/null || true; wait; rm -rf "$work"; }
trap stop EXIT

vdev=${VDEV:-target/release/vdev}
daemon=${VISAGED:-target/release/visaged}
bench=${BENCH:-target/release/visaged-bench}
"$bench" --write-inputs "$work" >"$work/written"

# 0.2 Mev/s at speed 1.5.
"$vdev" radar-serial "$work/radar_20hz" --link "$work/radar" --repeat 2>"$work/radar.toml" &
started+=($!)
"$vdev" event-serial "$work/synthetic_evt3.raw" --link "$work/camera" --repeat --speed 1.5 \
    2>"$work/camera.toml" &
started+=($!)
until [[ -L $work/radar && -L $work/camera ]]; do sleep 0.05; done
{
    cat "$work/radar.toml" "$work/camera.toml"
    printf '[publish]\nendpoints = ["tcp://127.0.0.1:0"]\n'
} >"$work/live.toml"
"$daemon" run --config "$work/live.toml" >"$work/said" 2>"$work/log" &
pid=$!
started+=("$pid")
sleep 3 # clocks lock, kernels warm up

# Fields 14 and 15: time in user and in kernel mode, in ticks.
ticks() { sed 's/.*) //' "/proc/$pid/stat" | awk '{ print $12 + $13 }'; }
before=$(ticks)
sleep "$seconds"
after=$(ticks)
tail -n 1 "$work/said"
awk -v ticks=$((after - before)) -v rate="$(getconf CLK_TCK)" -v seconds="$seconds" \
    'BEGIN { printf "%.1f %% of a core over %d s\n", 100 * ticks / rate / seconds, seconds }'
