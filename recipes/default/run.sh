#!/usr/bin/env bash
# From a folder of speech to a model file. See README.md.
set -euo pipefail
data=${1:?usage: run.sh DATA_FOLDER [RUN_FOLDER]}
run=${2:-runs/default}
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$run"
manifest="$data/train.jsonl"
if [ ! -e "$manifest" ]; then
    manifest="$run/train.jsonl"
    [ -e "$manifest" ] || speechvq prepare "$data" "$manifest"
fi
where=(--manifest "$manifest" --accelerator "${ACCELERATOR:-cpu}" --devices "${DEVICES:-2}" --precision "${PRECISION:-32-true}")
init=()
for name in base1 base2 base3 base4 base5; do # each begins with the weights of the one before
    if [ ! -e "$run/$name.safetensors" ]; then
        speechvq train "$here/$name.toml" ${init[@]+"${init[@]}"} --folder "$run/$name" "${where[@]}"
        speechvq export "$run/$name" "$run/$name.safetensors"
    fi
    init=(--init-from "$run/$name.safetensors")
done
# how often its codes come: smaller code files
[ -e "$run/$name.tables" ] || speechvq prior tables "$run/$name.safetensors" "$run/$name.tables" "$manifest" --folder "$run/codes"
