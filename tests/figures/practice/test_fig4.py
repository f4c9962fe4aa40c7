"""Figure 4's gains: paired at each size, and pooled over both splits of digits."""

import numpy as np
import pytest
from support.records import invented

from cli.options import Options
from cli.plans import experiment
from figures.contract.figure import Contents
from figures.practice import fig4
from figures.practice.fig4 import REVERSED


def runs(panel, series, size, shares, images, early=()):
    """Invent a run a seed at a planned size: the first of its test images, as many as its share says, are correct.

    Seeds in `early` ended before their last addition, of 128 samples.
    """
    additions = 0 if series == "static" else size // 128 - 1
    growth = {"initial": 128 if additions else size, "addition": 128, "additions": additions}
    made = []
    for seed, share in enumerate(shares):
        correct = [index < round(share * images) for index in range(images)]
        numbers = {"pool_size": size - 128 * (seed in early), "config": {"growth": growth, "world": {"name": "digits"}}}
        accuracy = float(np.mean(correct))
        made.append(invented(panel, series, seed, accuracy=accuracy, correct=correct, value=size, **numbers))
    return made


def records(seeds=3):
    """Invent gains over static data of .2 and .1 on the splits at 512 images, and a point of one split at 1,024."""
    shares = np.array([0.6, 0.65, 0.7, 0.75][:seeds])
    return [
        *runs("digits", fig4.DP, 512, [0.8, 0.85, 0.9], 20),
        *runs("digits", "static", 512, [0.6, 0.65, 0.7], 20),
        *runs(REVERSED, fig4.DP, 512, shares + 0.1, 40),
        *runs(REVERSED, "static", 512, shares, 40),
        *runs("digits", fig4.DP, 1024, [0.9, 0.9, 0.9], 20),
        *runs("digits", "static", 1024, [0.7, 0.7, 0.7], 20),
    ]


def test_the_other_split_is_left_out_of_the_default_figure():
    shown = {world: {one.panel for one in experiment("fig4", Options(targets=["fig4"], world=world)).series}
             for world in ("all", "digits")}  # fmt: skip
    assert shown == {"all": {"linear", "digits"}, "digits": {"digits", REVERSED}}


def test_gains_are_pooled_where_both_splits_have_runs():
    (entry,) = fig4.details(records())["pooled gains"]
    assert (entry["size"], entry["panels"]) == (512, ["digits", REVERSED])
    pooled = entry["gain over static"]
    assert pooled["value"] == pytest.approx((0.2 + 0.1) / 2)
    assert pooled["n_seeds"] == 3
    assert pooled["stderr"] == pytest.approx(0, abs=1e-9)  # every seed has the same gain
    assert pooled["seeds"]["low"] == pytest.approx(pooled["seeds"]["high"])
    assert pooled["seeds and images"]["low"] < 0.12 < 0.18 < pooled["seeds and images"]["high"]  # 20 and 40 images


def test_runs_that_end_early_count_at_their_planned_size():
    early = runs("digits", fig4.DP, 1024, [0.9, 0.9, 0.9], 20, early=[1])
    (entry,) = fig4.details([*early, *runs("digits", "static", 1024, [0.7, 0.7, 0.8], 20)])["gains"]
    assert (entry["size"], entry["mean size"], entry["n_seeds"]) == (1024, pytest.approx(1024 - 128 / 3), 3)
    assert entry["gain over static"]["value"] == pytest.approx(0.5 / 3)


def test_a_pooled_gain_needs_both_splits_and_as_many_seeds():
    one = [record for record in records() if record.panel == "digits"]
    assert fig4.details(one)["pooled gains"] == fig4.details(records(seeds=2))["pooled gains"] == []


def test_the_summary_says_the_pooled_gain():
    made = records()
    contents = Contents([], details=fig4.details(made))
    assert "both splits of digits, 512 images: +0.150 (" in fig4.summary(contents)
