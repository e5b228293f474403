#!/usr/bin/env bash
# One prepared run on a machine with an accelerator, unattended, most valuable first; every part is
# saved as it ends.
#
#   benchmarks/on_device.sh OUT [MINUTES=12] [TINY=0]
#
# OUT gets steps.jsonl (training step, prediction, sampling: time, share of the roofline, memory),
# feed.txt, torch.jsonl (against PyTorch, where it is installed), weights/ (short trainings, exported)
# and tests.txt (layers and signal on the device against NumPy, SciPy, librosa). TINY=1: on a CPU.
# Bring the rendered embedded data along ($ZOO_DATA_DIR): rendering it takes longer than a training.
set -uo pipefail
cd "$(dirname "$0")/.."
out=${1:?give a folder for what is measured}
minutes=${2:-12}
tiny=${3:-0}
python=${PYTHON:-python}
mkdir -p "$out/weights"
out=$(cd "$out" && pwd)
export PYTHONPATH="$PWD"
end=$(($(date +%s) + minutes * 60))

left() { echo $((end - $(date +%s))); }
part() { # NAME SECONDS COMMAND...: at most so long, and never beyond the end
  local name=$1 most=$2 rest began
  shift 2
  rest=$(left)
  [ "$rest" -lt 5 ] && { echo "$name: no time left" | tee -a "$out/parts.txt"; return; }
  began=$(date +%s)
  timeout $((rest < most ? rest : most)) "$@" >>"$out/log.txt" 2>&1
  echo "$name: exit $?, $(($(date +%s) - began)) s" | tee -a "$out/parts.txt"
}

systems=(samplecnn_score_render wave_unet_score_render melgan_score_render waveglow_score_render
  wavenet_score_render demucs_score_render)
[ "$tiny" = 1 ] && systems=(samplecnn_score_render)
part doctor 60 bash -c "$python -m zoo doctor > '$out/doctor.txt'"
for name in "${systems[@]}"; do
  part "steps $name" 120 "$python" benchmarks/on_device.py "config=$name" "out=$out/steps.jsonl" "tiny=$tiny"
done
if "$python" -c "import torch" 2>/dev/null && [ "$tiny" = 0 ]; then
  part torch 120 bash -c "$python benchmarks/training_step.py > '$out/torch.jsonl'"
fi
part feed $([ "$tiny" = 1 ] && echo 5 || echo 90) bash -c "$python benchmarks/feed.py > '$out/feed.txt'"
for name in "${systems[@]}"; do
  part "train $name" 90 "$python" train.py --config "$name" --workdir "$out/runs/$name" --no_tensorboard --no_test \
    $([ "$tiny" = 1 ] && echo size=tiny steps=2 depth=4 widths=4,6,8 batch=4)
  [ -d "$out/runs/$name/checkpoints" ] &&
    part "export $name" 60 "$python" -m zoo export "$out/runs/$name" "$out/weights/$name" --force --step latest
done
[ "$tiny" = 1 ] && chosen=(tests/layers/test_pool.py) || chosen=(tests/layers tests/signal)
part tests "$(left)" bash -c "$python -m pytest -n 4 -m 'not download' ${chosen[*]} > '$out/tests.txt'"
echo "in $out: $(ls "$out" | tr '\n' ' ')"
