#!/usr/bin/env bash
# How much of a core and of memory the daemon takes with all networks of the demo's bundle asked: a radar at
# 20 Hz, an event camera, a lease that holds: `demo_cpu.sh`. CPU time of the process, from /proc/PID/stat.
set -euo pipefail
cd "$(dirname "$0")/../.."
daemon=${VISAGED:-target/release/visaged}
work=$(mktemp -d)
stop() { kill "$pid" 2>/dev/null || true; wait; rm -rf "$work"; }

# The demo, on ports that nobody else has.
sed "s#127.0.0.1:5556#127.0.0.1:0#; s#127.0.0.1:5580#127.0.0.1:0#; s#\"scenes#\"$PWD/configs/scenes#
     s#\"bundles#\"$PWD/configs/bundles#" configs/demo.toml >"$work/demo.toml"
"$daemon" run --config "$work/demo.toml" >"$work/said" 2>"$work/log" &
pid=$!
trap stop EXIT
until grep --quiet 'identity enrolled' "$work/said"; do
    kill -0 "$pid"
    sleep 0.1
done

# Fields 14 and 15: time in user and in kernel mode, in ticks. The lease lasts 19 s more.
ticks() { sed 's/.*) //' "/proc/$pid/stat" | awk '{ print $12 + $13 }'; }
before=$(ticks)
sleep 15
after=$(ticks)
tail -n 1 "$work/said"
awk -v ticks=$((after - before)) -v rate="$(getconf CLK_TCK)" \
    'BEGIN { printf "%.1f %% of a core over 15 s\n", 100 * ticks / rate / 15 }'
awk '/^VmHWM/ { printf "%.0f MiB resident at most\n", $2 / 1024 }' "/proc/$pid/status"
