#!/bin/sh
# Runs fuzz targets for some seconds, side by side: sh tools/fuzz/run.sh [seconds] [wire|all]
#
# `wire`, the default, are the targets of firmware-proto, which build in a minute; `all` adds those of the
# daemon's own decoders, which build the whole daemon with the address sanitizer first.
# Wants cargo-fuzz and a nightly compiler; where they are absent it says so and succeeds, so that a
# machine without them can still run everything else.
set -eu
seconds=${1:-60}
targets="proto_decode delta_rice frame_assembler"
features=
if [ "${2:-wire}" = all ]; then
    targets="$targets dca1000 openmv event_stream"
    features="--features daemon"
fi
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)

not_run() {
    echo "not run: fuzz targets: $1"
    exit 0
}
cargo fuzz --version >/dev/null 2>&1 || not_run "cargo-fuzz is not installed"
cargo +nightly --version >/dev/null 2>&1 || not_run "there is no nightly compiler"

cd "$root"
sh "$here/seed.sh"
# One at a time: without a name cargo-fuzz builds every target, and some want a feature.
for target in $targets; do
    cargo +nightly fuzz build --fuzz-dir "$here" $features "$target"
done
logs=$(mktemp -d)
for target in $targets; do
    # rc is written last: an absent one is a failure, too.
    (
        rc=0
        cargo +nightly fuzz run --fuzz-dir "$here" $features "$target" -- \
            -max_total_time="$seconds" -rss_limit_mb=2048 >"$logs/$target" 2>&1 || rc=$?
        echo "$rc" >"$logs/$target.rc"
    ) &
done
wait
failed=0
for target in $targets; do
    rc=$(cat "$logs/$target.rc" 2>/dev/null || echo none)
    if [ "$rc" = 0 ]; then
        echo "fuzz $target: ${seconds} s, $(grep -c . "$logs/$target") lines, $(grep '^Done' "$logs/$target" || echo done)"
    else
        echo "fuzz $target: FAILED ($rc)"
        tail -n 40 "$logs/$target"
        failed=1
    fi
done
rm -r "$logs"
exit "$failed"
