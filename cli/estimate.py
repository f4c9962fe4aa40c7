"""What runs will take, before they are made: images, denoiser calls, CPU time, disk. Upper bounds but for the time.

Works on plain resolved configurations, so that listing all figures needs neither the worlds nor torch.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from empirical.config import Acquire, Growth, Sampling, Training, build

SECTIONS = {"training": Training, "sampling": Sampling, "growth": Growth, "acquire": Acquire}
LATER = 0.6  # share of its iterations that a run makes itself when an earlier one has shared its beginning, measured
ROW_BYTES = 60  # of a pool row beside its image: label, seed, index, round, omega, entropy, step
EVENT_BYTES = 180  # of an evaluation in metrics.jsonl and result.json


@dataclass(frozen=True)
class Estimate:
    """`images` and `denoiser_calls` are made at most, `iterations` are learner steps, `cpu_s` is time on one core."""

    runs: int
    images: int
    denoiser_calls: int
    iterations: int
    cpu_s: float
    disk_bytes: float


@dataclass(frozen=True)
class Footprint:
    """Bytes that a world and its learner need on disk: per image, and for all tensors of a learner's state."""

    image: float
    state: float


def resolved(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """A recipe's run with all defaults, as plain values, without asking its world; sections are checked as ever."""
    sections = {
        name: dataclasses.asdict(build(section, recipe.get(name, {}), name)) for name, section in SECTIONS.items()
    }
    return {"world": recipe["world"], "learner": recipe["learner"], "seed": recipe.get("seed", 0), **sections}


def estimate(
    configs: Sequence[Mapping[str, Any]],
    throughput: Mapping[str, Mapping[str, Mapping[str, float]]],
    footprint: Mapping[str, Footprint] | None = None,
    replayed: Sequence[Mapping[str, Any]] = (),
) -> Estimate:
    """What distinct runs take together; runs that begin alike share their beginning, those of a seed plain images.

    configs: resolved configurations. throughput: by world, `images` per second by kind of guidance and `iterations`
    per second by learner, on one core; a world without is counted as taking no time. footprint: by world and learner,
    as "world/learner"; without it no disk is estimated. replayed: runs that are trained once more to be examined.
    """
    distinct = {json.dumps(config, sort_keys=True): config for config in configs}
    alike, plain = defaultdict[str, int](int), dict[str, tuple[Mapping[str, Any], dict[str, int]]]()
    images = calls = iterations = 0
    seconds = disk = 0.0
    for config in distinct.values():
        training, sampling, growth, acquire = (config[name] for name in SECTIONS)
        world, learner = config["world"]["name"], config["learner"]["kind"]
        speed = throughput.get(world, {"images": {}, "iterations": {}})
        beginning = _beginning(config)
        alike[beginning] += 1
        steps = training["iterations"] * (1.0 if alike[beginning] == 1 else LATER)
        iterations += training["iterations"]
        seconds += _over(steps, speed["iterations"].get(learner))

        added = growth["additions"] * math.ceil(acquire["ratio"] * growth["addition"] / (1 - acquire["reject"]))
        kind = "plain" if acquire["omega"] == 0 else acquire["through"]
        kind = "random" if acquire["direction"] == "random" else kind
        guided = 0 if kind == "plain" else added
        seconds += _over(guided, speed["images"].get(kind))
        wanted = {"pool": growth["initial"] + added - guided}  # plain images, by sequence
        wanted |= _without_real_data(growth, acquire)
        if acquire["reject"]:
            iterations += training["iterations"]
            seconds += _over(training["iterations"], speed["iterations"].get(learner))
        key = json.dumps([config["world"], sampling, config["seed"]], sort_keys=True)
        drawn = plain.setdefault(key, (config, {}))[1]
        for sequence, count in wanted.items():
            drawn[sequence] = max(drawn.get(sequence, 0), count)
        images += guided
        calls += guided * _calls(sampling)
        if footprint:
            foot = footprint[f"{world}/{learner}"]
            rows = growth["initial"] + growth["additions"] * growth["addition"]
            guides = growth["additions"] if kind in ("x0", "denoiser") else 0
            disk += rows * (foot.image + ROW_BYTES) + (2 + guides / 4) * foot.state
            disk += training["iterations"] / growth["evaluate_every"] * EVENT_BYTES
    for config, drawn in plain.values():
        count, speed = sum(drawn.values()), throughput.get(config["world"]["name"], {"images": {}})
        images += count
        calls += count * _calls(config["sampling"])
        seconds += _over(count, speed["images"].get("plain"))
        if footprint:
            disk += count * (footprint[f"{config['world']['name']}/{config['learner']['kind']}"].image + ROW_BYTES)
    for config in replayed:
        steps = config["training"]["iterations"]
        iterations += steps
        speed = throughput.get(config["world"]["name"], {"iterations": {}})
        seconds += _over(steps, speed["iterations"].get(config["learner"]["kind"]))
    return Estimate(len(distinct), images, calls, iterations, seconds, disk)


def _without_real_data(growth: Mapping[str, Any], acquire: Mapping[str, Any]) -> dict[str, int]:
    """Plain images that are drawn to judge by."""
    if growth["signal"] == "validation" and not acquire["reject"]:
        return {}
    from empirical.config import HELD_OUT_IMAGES, REFERENCE_IMAGES

    held_out = {"held out": HELD_OUT_IMAGES} if growth["signal"] != "validation" else {}
    return held_out | ({"reference": REFERENCE_IMAGES} if acquire["reject"] else {})


def _over(count: float, per_second: float | None) -> float:
    return count / per_second if per_second else 0.0


def _calls(sampling: Mapping[str, Any]) -> int:
    """Denoiser evaluations for one image."""
    return sampling["steps"] * (2 if sampling["guidance_scale"] else 1)


def _beginning(config: Mapping[str, Any]) -> str:
    """What runs that share their first state have in common."""
    growth = {key: value for key, value in config["growth"].items() if key not in ("additions", "addition")}
    return json.dumps([{**config, "growth": growth, "acquire": None}], sort_keys=True)


def said(seconds: float) -> str:
    """A duration in words.

    >>> said(8), said(400), said(30000)
    ('8 s', '6.7 min', '8.3 h')
    """
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def said_bytes(count: float) -> str:
    """A size in words.

    >>> said_bytes(2.5e6), said_bytes(3e9)
    ('2.5 MB', '3.0 GB')
    """
    return f"{count / 1e6:.1f} MB" if count < 1e9 else f"{count / 1e9:.1f} GB"
