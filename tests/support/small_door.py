"""paper_repro.py at toy size, to rehearse experiments/gpu/check.sh on a CPU.

The random Stable Diffusion is the one of `small_architecture`; the generator of glyphs is trained for 20 iterations.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import paper_repro
from empirical.generators import unet_training
from empirical.worlds import random_imagenet
from support.small_architecture import Small

REHEARSAL = {
    "base_channels": 16, "multipliers": [1, 2, 4], "patch": 2, "iterations": 20, "batch": 32, "lr": 2e-3,
    "warmup": 0.1, "bf16": True, "half": True, "checked": 128, "set": {"training.iterations": 20},
}  # fmt: skip
read = unet_training.from_table


def main() -> int:
    """Run the command of the command line, with small networks in place of large ones."""
    random_imagenet.RANDOM["imagenet100"] = Small
    from empirical.review import generator_check

    generator_check.from_table = lambda table, preset: read(
        {**table, "presets": {**table["presets"], "rehearsal": REHEARSAL}}, preset
    )
    return paper_repro.main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
