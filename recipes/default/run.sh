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
if [ ! -e "$run/base1.safetensors" ]; then
    speechvq train "$here/config.toml" --folder "$run" "${where[@]}"
    speechvq export "$run" "$run/base1.safetensors"
fi
speechvq train "$here/refine.toml" --start "$run/base1.safetensors" --folder "$run/refined" "${where[@]}"
[ -e "$run/base2.safetensors" ] || speechvq export "$run/refined" "$run/base2.safetensors"
