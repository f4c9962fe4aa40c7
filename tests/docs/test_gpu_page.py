"""The GPU-hours of the page "On a GPU" follow from the recipes and the counts of operations that it states."""

import re

import pytest
import torch
from support.places import DOCS, EXPERIMENTS
from torch.utils.flop_counter import FlopCounterMode

from empirical.config import from_dict
from empirical.learning.networks import network
from empirical.loop.budget import expected
from empirical.scale.throughput import datasheet_tflop_per_s
from empirical.settings import recipes

PAGE = (DOCS / "gpu.md").read_text()
ROWS = re.findall(r'^\| `(imagenet\w+/\w+)`(?:, "(.+)")? \| (.+) \|$', PAGE, re.MULTILINE)
PLAIN, GUIDED, TRAINED, SEEN, SHARE = 83, 86, 0.105, 0.035, 0.4


@pytest.mark.parametrize(("name", "line", "cells"), ROWS, ids=[f"{name}, {line}" for name, line, _ in ROWS])
def test_hours_follow_from_recipes(name, line, cells):
    run = from_dict(recipes.read(EXPERIMENTS / f"{name}.toml", line).run)
    counts, training = expected(run), run.training
    plain, validation = sum(counts.plain.values()), 5_000 if run.world.name == "imagenet100" else 50_000
    work = [
        plain * PLAIN + counts.guided * GUIDED,
        training.iterations * training.batch * TRAINED,
        training.iterations / run.growth.evaluate_every * validation * SEEN,
    ]
    hours = [tflop / (SHARE * datasheet_tflop_per_s("NVIDIA H200")) / 3600 for tflop in work]
    printed = [float(cell.replace(",", "")) for cell in cells.split(" | ")]
    assert printed[:2] == [plain, counts.guided]
    assert printed[2:5] == pytest.approx(hours, rel=0.005, abs=0.06)
    assert printed[5] == pytest.approx(sum(hours), rel=0.005, abs=0.6)


def test_operations_are_those_counted():
    cost = (DOCS / "guidance_cost.md").read_text()
    plain = float(re.search(r"plain sampling \|.*\| (\d+) \| 1.00 \| 1.00 \|", cost)[1])
    sparse = float(re.search(r"x0_hat alone \| AutoencoderTiny \|.*\| ([\d.]+) \|$", cost, re.MULTILINE)[1])
    assert (plain, round(plain * sparse)) == (PLAIN, GUIDED)
    with torch.device("meta"):
        model, image = network("vit_base_patch16_224", 100), torch.empty(1, 3, 224, 224)
    with FlopCounterMode(display=False) as counter:
        model(image)
        seen = counter.get_total_flops()
        model(image).sum().backward()
    assert counter.get_total_flops() / 1e12 - seen / 1e12 == pytest.approx(TRAINED, rel=0.01)
    assert seen / 1e12 == pytest.approx(SEEN, rel=0.01)
    for number in (PLAIN, GUIDED, TRAINED, SEEN):
        assert f"{number}" in PAGE
