"""What runs will take, before they are made: images, denoiser calls, time, disk. Upper bounds but for the time.

Works on plain resolved configurations, so that listing all figures needs neither the worlds nor torch. Not counted:
starting up, the final test, checkpoints, waiting for other processes.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cli.speeds import CORE, Speeds
from empirical.settings.build import build
from empirical.settings.sections import HELD_OUT_IMAGES, REFERENCE_IMAGES, Acquire, Growth, Sampling, Training

SECTIONS = {"training": Training, "sampling": Sampling, "growth": Growth, "acquire": Acquire}
LATER = 0.6  # share of its iterations that a run makes itself when an earlier one has shared its beginning, measured
ROW_BYTES = 60  # of a pool row beside its image: label, seed, index, round, omega, entropy, step
EVENT_BYTES = 180  # of an evaluation in metrics.jsonl and result.json


@dataclass(frozen=True)
class Footprint:
    """Bytes that a world and its learner need on disk: per image, and for all tensors of a learner's state."""

    image: float
    state: float


@dataclass
class Estimate:
    """`images` and `denoiser_calls` are made at most, `iterations` are learner steps, `seconds` are by device.

    `unmeasured` is what has no known speed, and is missing in the seconds.
    """

    runs: int = 0
    images: int = 0
    denoiser_calls: int = 0
    iterations: int = 0
    disk_bytes: float = 0.0
    seconds: Counter[str] = dataclasses.field(default_factory=Counter)
    unmeasured: set[str] = dataclasses.field(default_factory=set)

    def take(self, config: Mapping[str, Any], speeds: Speeds, key: str, kind: str, count: float) -> None:
        """Add the time of so many images, iterations or evaluations of a kind."""
        table = speeds.of(config)
        per_second = table.get(key, {}).get(kind)
        if per_second:
            self.seconds[table.get("device", CORE)] += count / per_second
        elif count:
            self.unmeasured.add(f"{key} ({config['world']['name']}, {kind})")


def resolved(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """A recipe's run with all defaults, as plain values, without asking its world; sections are checked as ever."""
    sections = {
        name: dataclasses.asdict(build(section, recipe.get(name, {}), name)) for name, section in SECTIONS.items()
    }
    return {"world": recipe["world"], "learner": recipe["learner"], "seed": recipe.get("seed", 0), **sections}


def estimate(
    configs: Sequence[Mapping[str, Any]],
    speeds: Speeds,
    footprint: Mapping[str, Footprint] | None = None,
    replayed: Sequence[Mapping[str, Any]] = (),
) -> Estimate:
    """What distinct runs take together; runs that begin alike share their beginning, those of a seed plain images.

    configs: resolved configurations. footprint: by world and learner, as "world/learner"; without it no disk is
    estimated. replayed: runs that are trained once more to be examined.
    """
    distinct = {json.dumps(config, sort_keys=True): config for config in configs}
    alike, plain = defaultdict[str, int](int), dict[str, tuple[Mapping[str, Any], dict[str, int]]]()
    total = Estimate(runs=len(distinct))
    for config in distinct.values():
        sampling, growth, acquire = (config[name] for name in ("sampling", "growth", "acquire"))
        beginning = _beginning(config)
        alike[beginning] += 1
        _train(total, config, speeds, 1.0 if alike[beginning] == 1 else LATER)
        guided, wanted = _samples(growth, acquire)
        if acquire["reject"]:
            _train(total, config, speeds, watched=False)
        key = json.dumps([config["world"], sampling, config["seed"]], sort_keys=True)
        drawn = plain.setdefault(key, (config, {}))[1]
        for sequence, count in wanted.items():
            drawn[sequence] = max(drawn.get(sequence, 0), count)
        total.images += guided
        total.denoiser_calls += guided * _calls(sampling)
        share = guided_share(sampling["steps"], acquire["every"], acquire["interval"])
        total.take(config, speeds, "images", Acquire(**acquire).kind, guided * share)
        total.take(config, speeds, "images", "plain", guided * (1 - share))
        if footprint:
            total.disk_bytes += _disk(config, footprint[f"{config['world']['name']}/{config['learner']['kind']}"])
    for config, drawn in plain.values():
        count = sum(drawn.values())
        total.images += count
        total.denoiser_calls += count * _calls(config["sampling"])
        total.take(config, speeds, "images", "plain", count)
        if footprint:
            foot = footprint[f"{config['world']['name']}/{config['learner']['kind']}"]
            total.disk_bytes += count * (foot.image + ROW_BYTES)
    for config in replayed:
        _train(total, config, speeds, watched=False)
    return total


def guided_share(steps: int, every: int, interval: Sequence[float]) -> float:
    """Share of DDIM's steps that are guided, as `When` chooses them; their noise levels t / T are i / steps.

    >>> guided_share(50, 5, (0.0, 1.0)), guided_share(10, 1, (0.25, 0.75))
    (0.2, 0.5)
    """
    low, high = interval
    levels = [i / steps for i in range(steps) if low <= i / steps <= high]
    return len(levels[::every]) / steps


def _samples(growth: Mapping[str, Any], acquire: Mapping[str, Any]) -> tuple[int, dict[str, int]]:
    """Guided samples of a run, and plain ones by sequence, which runs of a seed share."""
    candidates = math.ceil(round(acquire["ratio"] * growth["addition"] / (1 - acquire["reject"]), 6))
    added = growth["additions"] * candidates
    guided = added if acquire["omega"] else 0
    wanted = {"pool": growth["initial"] + added - guided}
    if growth["signal"] != "validation":
        wanted["held out"] = HELD_OUT_IMAGES
    if acquire["reject"]:
        wanted["reference"] = REFERENCE_IMAGES
    return guided, wanted


def _train(
    total: Estimate, config: Mapping[str, Any], speeds: Speeds, share: float = 1.0, *, watched: bool = True
) -> None:
    """Add a training, of whose time a share is spent; evaluations only where they were measured: most are cheap."""
    iterations, learner = config["training"]["iterations"], config["learner"]["kind"]
    total.iterations += iterations
    total.take(config, speeds, "iterations", learner, iterations * share)
    if watched and learner in speeds.of(config).get("evaluations", {}):
        evaluations = iterations / config["growth"]["evaluate_every"]
        total.take(config, speeds, "evaluations", learner, evaluations * share)


def _disk(config: Mapping[str, Any], foot: Footprint) -> float:
    """Bytes of a run's folder: pool, checkpoints, guiding learners, records."""
    growth, acquire = config["growth"], Acquire(**config["acquire"])
    rows = growth["initial"] + growth["additions"] * growth["addition"]
    guides = growth["additions"] if acquire.kind not in ("plain", "random") else 0
    records = config["training"]["iterations"] / growth["evaluate_every"] * EVENT_BYTES
    return rows * (foot.image + ROW_BYTES) + (2 + guides / 4) * foot.state + records


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
    return f"{seconds / 60:.1f} min" if seconds < 6000 else f"{seconds / 3600:,.1f} h"


def said_bytes(count: float) -> str:
    """A size in words.

    >>> said_bytes(2.5e6), said_bytes(3e9)
    ('2.5 MB', '3.0 GB')
    """
    return f"{count / 1e6:.1f} MB" if count < 1e9 else f"{count / 1e9:.1f} GB"
