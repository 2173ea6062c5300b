#!/bin/sh
# Makes configs/bundles/demo and its report again, from nothing: `tools/lab/demo.sh FOLDER`. Everything is
# simulated. Needs some 20 GB and two cores; what was done already is not done again. Says after how many
# seconds each step begins. Five seeds, of which the first is shipped.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
lab="$root/target/release/lab"
mkdir -p "$1"
cd "$1"
begin=$(date +%s)
say() { echo "$(($(date +%s) - begin)) s: $*"; }

say build
(cd "$root" && cargo build --release --workspace --bins --locked --quiet)

# The person of configs/scenes/visit, who sits there in session 21: before both sensors, then before the radar
# alone, which is simulated in a tenth of the time; then forty others before the radar alone.
say simulate
person="--seed 7 --spread 5 --chirps face --seconds 30"
[ -e enrolled/dataset.toml ] ||
    "$lab" twin enrolled $person --persons 1 --sessions 120 --first-session 30 --empty 0
[ -e more/dataset.toml ] ||
    "$lab" twin more $person --persons 1 --sessions 100 --first-session 150 --empty 0 --only radar
[ -e others/dataset.toml ] ||
    "$lab" twin others $person --first-person 1 --persons 40 --sessions 4 --only radar
say inputs
"$lab" inputs enrolled more others --frame-step 4
[ -e split.toml ] || "$lab" split split.toml enrolled more others --enrolled p000

train() {
    [ -e "$2/weights.safetensors" ] || "$lab" train "$1" --split split.toml --out "$2" --seed "$3" $4
}
# Two runs on a core each learn faster than one on two.
say train
export RAYON_NUM_THREADS=1
(
    train event runs/event 7 "--preset coarse --epochs 7"
    say the event network has learnt
) &
event=$!
train auth runs/auth 7 "--epochs 4"
train gate runs/gate 7 "--epochs 6"
train expert-dynamic runs/expert-dynamic 7 "--epochs 10"
train expert-static runs/expert-static 7 "--epochs 8"
say the networks of the radar have learnt
for seed in 8 9 10 11; do
    train auth "seeds/$seed/auth" "$seed" "--epochs 4"
    [ -e "seeds/$seed/bundle/manifest.toml" ] ||
        "$lab" bundle "seeds/$seed/bundle" --runs "seeds/$seed" --split split.toml
    "$lab" calibrate "seeds/$seed/bundle" --split split.toml
done
say the other seeds have learnt
# Persons who are more alike: a second point of the curve.
if [ ! -e alike/report/scores.jsonl ]; then
    alike="--seed 7 --spread 2 --chirps face --seconds 30 --only radar"
    "$lab" twin alike/enrolled $alike --persons 1 --sessions 80 --first-session 30 --empty 0
    "$lab" twin alike/others $alike --first-person 1 --persons 24 --sessions 4
    "$lab" inputs alike/enrolled alike/others --frame-step 4
    "$lab" split alike/split.toml enrolled others --enrolled p000
    "$lab" train auth --split alike/split.toml --out alike/runs/auth --seed 7 --epochs 8
    "$lab" bundle alike/bundle --runs alike/runs --split alike/split.toml
    "$lab" calibrate alike/bundle --split alike/split.toml
    "$lab" eval --bundle alike/bundle --split alike/split.toml --out alike/report
fi
say those who are alike are told apart
wait $event
unset RAYON_NUM_THREADS
[ -e bundle/manifest.toml ] || "$lab" bundle bundle --runs runs --split split.toml
"$lab" calibrate bundle --split split.toml
say the bundle is whole
say evaluate
"$lab" eval --bundle bundle --split split.toml --out report \
    --seeds-from seeds/8/bundle seeds/9/bundle seeds/10/bundle seeds/11/bundle \
    --with alike/report/scores.jsonl
say done
