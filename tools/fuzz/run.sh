#!/bin/sh
# Runs every fuzz target for some seconds, side by side: sh tools/fuzz/run.sh [seconds, default 60]
#
# Wants cargo-fuzz and a nightly compiler; where they are absent it says so and succeeds, so that a
# machine without them can still run everything else.
set -eu
seconds=${1:-60}
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
cargo +nightly fuzz build --fuzz-dir "$here"
logs=$(mktemp -d)
targets=$(cargo +nightly fuzz list --fuzz-dir "$here")
for target in $targets; do
    # rc is written last: an absent one is a failure, too.
    (
        rc=0
        cargo +nightly fuzz run --fuzz-dir "$here" "$target" -- \
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
