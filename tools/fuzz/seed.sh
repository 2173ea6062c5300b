#!/bin/sh
# Fills the corpora from the golden vectors: sh tools/fuzz/seed.sh
set -eu
here=$(cd "$(dirname "$0")" && pwd)
for target in proto_decode frame_assembler delta_rice; do
    mkdir -p "$here/corpus/$target"
    cp "$here"/../../firmware-proto/vectors/*.bin "$here/corpus/$target/"
done
