"""The configuration of one run as plain values. A run is a pure function of its `Run`.

Recipes are TOML files with the same sections:

    [world]     which data world, and its options     (the fields of its class in `empirical.worlds`)
    [learner]   the model that is trained
    [training]  its optimiser and schedule
    [sampling]  the diffusion sampler
    [growth]    when data are added, and how many
    [acquire]   how the added data are made or chosen

Making a `Run` opens nothing: neither data, weights nor torch. Its world is asked when the run is planned or executed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from empirical.settings.build import build
from empirical.settings.sections import Acquire, Growth, LearnerChoice, Sampling, Training, WorldChoice
from empirical.system.errors import require
from empirical.worlds import WORLDS, open_world

if TYPE_CHECKING:
    from empirical.learning.learner import Learner
    from empirical.worlds.world import World

# Settings that are gone: stored configurations of older runs have them, at these values.
GONE: dict[str, dict[str, Any]] = {"acquire": {"checkpointed": False}}
SECTIONS = {"learner": LearnerChoice, "training": Training, "sampling": Sampling, "growth": Growth, "acquire": Acquire}


@dataclass(frozen=True, kw_only=True)
class Run:
    """Hold everything that decides the numbers of one run."""

    world: WorldChoice
    learner: LearnerChoice
    training: Training
    sampling: Sampling
    growth: Growth
    acquire: Acquire = field(default_factory=Acquire)
    seed: int = 0

    def __post_init__(self) -> None:
        require(0 <= self.seed < 2**31, "seed", self.seed, "an integer >= 0 and < 2^31")
        forgets = self.growth.memory > 0  # then the age of rows decides which of them leave the pool
        require(
            not forgets or self.acquire.retire == 0, "acquire.retire", self.acquire.retire, "0 with growth.memory > 0"
        )

    def effective(self) -> Run:
        """Return the run with those settings that change none of its numbers at their defaults."""
        acquire = self.acquire.effective(self.growth.additions)
        return dataclasses.replace(self, growth=self.growth.effective(), acquire=acquire)

    @property
    def network(self) -> tuple[str, bool]:
        """Key of all that decides the learner's operations in its world: equal keys may share counts of operations."""
        return self.learner.kind, self.training.bf16


def from_dict(values: Mapping[str, Any]) -> Run:
    """Make a `Run` of a nested mapping (a parsed recipe); unknown sections and keys, wrong types are refused by name.

    Options of the world are checked by `world_of`, since only the world's own module knows them.
    """
    require(isinstance(values, Mapping), "run", values, "the tables of a configuration")
    values = current(values)
    tables = {name: values.get(name, {}) for name in ("world", *SECTIONS)}
    for name, table in tables.items():
        require(isinstance(table, Mapping), name, table, "a table of settings")
    options = dict(tables.pop("world"))
    name = options.pop("name", None)
    require(isinstance(name, str) and name in WORLDS, "world.name", name, f"one of {', '.join(WORLDS)}")
    sections = {name: build(SECTIONS[name], table, name) for name, table in tables.items()}
    return build(Run, {**values, **sections, "world": WorldChoice.of(str(name), options)}, "run")


def current(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration without the settings that are gone, where it has them at the values that are left."""
    result = dict(values)
    for section, gone in GONE.items():
        table = result.get(section)
        if isinstance(table, Mapping):
            result[section] = {name: value for name, value in table.items() if gone.get(name, ...) != value}
    return result


def to_dict(run: Run) -> dict[str, Any]:
    """Return the configuration with all defaults, those of the world included, as plain values."""
    world: Any = open_world(run.world)
    return {**dataclasses.asdict(run), "world": {"name": run.world.name, **dataclasses.asdict(world)}}


def world_of(run: Run) -> World:
    """Open the world of a run and refuse settings that do not fit it, by name; real data need not be there yet."""
    world = open_world(run.world)
    own = "weights" in world.models  # the generator is a UNet that is trained here
    require(own or not run.sampling.bf16, "sampling.bf16", True, f"false in the world {run.world.name}")
    world.check(run.learner, run.growth, run.effective().acquire)
    return world


def new_learner(run: Run, device: str) -> Learner:
    """Make the untrained learner of a run; its initial weights follow from the run seed."""
    return world_of(run).learner(run.learner.kind, run.training, run.seed, device)
