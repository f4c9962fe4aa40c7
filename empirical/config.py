"""The configuration of one run: frozen dataclasses, one default in one place, unknown keys refused.

A run is a pure function of its `Run`. Recipes are TOML files with the same sections:

    [world]     which data world, and its options     (the fields of the class in `empirical.worlds`)
    [learner]   the model that is trained
    [training]  its optimiser and schedule
    [sampling]  the diffusion sampler
    [growth]    when data are added, and how many
    [acquire]   how the added data are made or chosen
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from empirical.settings.build import build
from empirical.settings.sections import Acquire, Growth, LearnerChoice, Sampling, Training
from empirical.system.errors import require
from empirical.worlds.world import World


@dataclass(frozen=True, kw_only=True)
class Run:
    """Everything that decides the numbers of one run."""

    world: World
    learner: LearnerChoice
    training: Training
    sampling: Sampling
    growth: Growth
    acquire: Acquire = field(default_factory=Acquire)
    seed: int = 0

    def __post_init__(self) -> None:
        require(0 <= self.seed < 2**31, "seed", self.seed, "an integer >= 0 and < 2^31")
        decode = self.acquire.decode
        allowed = f"{' or '.join(map(repr, self.world.decodes))} in the world {self.world.name}"
        do = "name an AutoencoderTiny in world.tiny" if hasattr(self.world, "tiny") else "leave it out"
        require(decode in self.world.decodes, "acquire.decode", decode, allowed, do)
        self.world.check(self)


def from_dict(values: Mapping[str, Any]) -> Run:
    """Resolve a nested mapping (a parsed TOML recipe) into a checked `Run`."""
    from empirical.worlds import WORLDS

    values = dict(values)
    world = values.pop("world", {})
    require(isinstance(world, Mapping), "world", world, "a table of settings")
    world = dict(world)
    name = world.pop("name", None)
    require(name in WORLDS, "world.name", name, f"one of {', '.join(WORLDS)}")
    sections: dict[str, Any] = {"world": build(WORLDS[name], world, f"world ({name})")}
    for key, cls in {
        "learner": LearnerChoice,
        "training": Training,
        "sampling": Sampling,
        "growth": Growth,
        "acquire": Acquire,
    }.items():
        section = values.pop(key, {})
        require(isinstance(section, Mapping), key, section, "a table of settings")
        sections[key] = build(cls, section, key)
    return build(Run, {**sections, **values}, "run")


def to_dict(run: Run) -> dict[str, Any]:
    """The fully resolved configuration as plain values: the inverse of `from_dict`."""
    values = dataclasses.asdict(run)
    return {**values, "world": {"name": run.world.name, **values["world"]}}
