#!/usr/bin/env bash
# Check a GPU in five steps: bash experiments/gpu/check.sh STEP
#
#   1  the tests of tests/gpu: parity with a CPU, repeatable bits, no waiting
#   2  a generator of glyphs (preset gpu) and its quality
#   3  figure 4 on glyphs, with step 2's generator if it is there and at least .9 of its labels are right
#   4  throughput of Stable Diffusion 1.5 (random weights) in every mode of guidance, and of a ViT-B/16
#   5  throughput of Stable Diffusion 1.5: as it is, in channels_last, and compiled in channels_last
#
# Every step needs no network, is stopped after LIMIT seconds (540), writes its files as it goes, and leaves the archive
# OUT/stepN.tar.gz, also where it fails or is stopped: tables (CSV, TOML), a manifest, a log, no images of pools.
# DEVICE=cuda (default) needs one GPU; DEVICE=cpu rehearses the same commands at toy size. OUT is results/gpu by default.
set -uo pipefail
cd "$(dirname "$0")/../.."

step=${1:-}
case $step in [1-5]) ;; *) echo "check.sh: got '$step'; allowed 1, 2, 3, 4 or 5; do bash experiments/gpu/check.sh 1" >&2; exit 2 ;; esac
DEVICE=${DEVICE:-cuda} OUT=${OUT:-results/gpu} LIMIT=${LIMIT:-540}
case $DEVICE in cuda | cpu) ;; *) echo "check.sh: got DEVICE=$DEVICE; allowed cuda or cpu" >&2; exit 2 ;; esac
mkdir -p "$OUT" && OUT=$(cd "$OUT" && pwd) && HERE=$OUT/step$step || exit
mkdir -p "$HERE"
DOOR="python paper_repro.py"
sd="experiments/imagenet100/practice.toml --random-weights"
if [ "$DEVICE" = cuda ]; then
    workers=8 preset=gpu figure=default seconds=5 check="-m gpu"
    four="sampling.batch=8 sampling.steps=10 training.batch=256" five="sampling.batch=32 sampling.steps=10"
else # toy size: a Stable Diffusion of 1 million parameters, the quick presets, some of the tests
    workers=1 preset=rehearsal figure=quick seconds=0.2 check="-m slow -k from_files"
    four="sampling.batch=2 sampling.steps=2 training.batch=4 learner.kind=test_vit growth.initial=2 growth.addition=2"
    four="$four growth.evaluate_every=1 world.size=32" five=$four
    DOOR="env PYTHONPATH=tests python tests/support/small_door.py"
fi

archive() {
    python experiments/gpu/tables.py "$HERE"
    (cd "$OUT" && find "step$step" -type f ! -name '*.parquet' ! -path '*/plain-*' ! -path '*/prefix-*' ! -path '*/guides/*' \
        ! -name 'checkpoint*' | sort | tar czf "step$step.tar.gz" -T -)
    ls -l "$OUT/step$step.tar.gz"
}
trap archive EXIT

failed=0
limited() { timeout --signal=INT --kill-after=20 "$LIMIT" "$@" 2>&1 | tee -a "$HERE/log.txt" || failed=$?; }

python -c "
import json, sys
from empirical.runs.manifest import manifest
from empirical.system.devices import settle
settle(sys.argv[1])
print(json.dumps(manifest(sys.argv[1]), indent=1))" "$DEVICE" >"$HERE/manifest.json" || exit

generator=$OUT/step2/generator/glyphs_generator
case $step in
1) limited python -m pytest -o addopts= --import-mode=importlib -p no:cacheprovider -q $check tests/gpu --junitxml "$HERE/tests.xml" ;;
2) limited $DOOR generator glyphs --preset $preset --device $DEVICE --out "$HERE" ;;
3)
    rm -rf "$HERE/experiments" && cp -r experiments "$HERE/experiments"
    if [ -f "$generator.json" ]; then
        python - "$generator" "$HERE/experiments/worlds/glyphs.toml" "$DEVICE" <<'PYTHON' || exit
import json, pathlib, sys
generator, recipe = sys.argv[1], pathlib.Path(sys.argv[2])
right = json.loads(pathlib.Path(generator + ".json").read_text())["checks"]["label_agreement_of_generated"]
if right < 0.9 and sys.argv[3] == "cuda":
    sys.exit(f"check.sh: {right:.3f} of the generator's labels are right; allowed .9 or more; do step 2 with more iterations")
text = recipe.read_text()
assert text.count('weights = ""') == 1
recipe.write_text(text.replace('weights = ""', f'weights = "{generator}.safetensors"'))
PYTHON
    fi
    if [ "$DEVICE" = cpu ]; then
        sed -i 's/^iterations = 1000/iterations = 40/; s/^initial = 512/initial = 64/; s/^addition = 512/addition = 64/
            s/^test_images = 5120/test_images = 640/; s/^steps = 10/steps = 2/' "$HERE/experiments/worlds/glyphs.toml"
        sed -i 's/quick = \[512, 1024\]/quick = [64, 128]/' "$HERE/experiments/fig4.toml"
    fi
    limited $DOOR fig4 --world glyphs --preset $figure --device $DEVICE --workers $workers --out "$HERE" --experiments "$HERE/experiments"
    ;;
4) limited $DOOR throughput $sd --modes --device $DEVICE --seconds $seconds --out "$HERE/all" --set $four ;;
5)
    fifth=$((LIMIT / 5))
    for layout in "false false 1" "true false 1" "true true 3"; do # compiling takes minutes
        set -- $layout
        LIMIT=$((fifth * $3))
        limited $DOOR throughput $sd --device $DEVICE --seconds $seconds --out "$HERE/channels_last_$1-compiled_$2" \
            --set $five world.channels_last=$1 world.compiled=$2
    done
    ;;
esac
exit $failed
