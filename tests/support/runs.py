"""Make tiny runs of the real code: small recipes, pools of given samples, Algorithm 1 without a run folder."""

import json
from pathlib import Path

import torch

from empirical.config import from_dict, new_learner, world_of
from empirical.diffusion.cost import Cost
from empirical.diffusion.sampler import Sampler, Samples
from empirical.learning.evaluate import accuracy
from empirical.pool.parquet import Rows
from empirical.pool.pool import Pool
from empirical.practice import Progress, Setup, practice
from empirical.runs.execute import execute
from empirical.runs.folder import run_name
from empirical.scale.series import recipe
from empirical.scale.sweep import Case
from empirical.settings.values import merged
from empirical.system.ranks import ALONE
from support.places import EXPERIMENTS

TINY = {
    "linear": {
        "world.dimension": 16, "world.validation": 200, "training.iterations": 16, "sampling.steps": 8,
        "sampling.batch": 16, "growth.initial": 24, "growth.addition": 16, "growth.additions": 3,
    },
    "digits": {
        "training.iterations": 24, "training.batch": 8, "sampling.steps": 4, "sampling.batch": 8, "growth.initial": 12,
        "growth.addition": 12, "growth.additions": 2, "growth.evaluate_every": 2, "growth.patience": 1,
    },
}  # fmt: skip
TINY["latent_digits"] = TINY["digits"]


def settings_of(world, **changes):
    """Return the recipe of a world with dotted settings on top (growth__initial=8), as plain values."""
    dotted = {name.replace("__", "."): value for name, value in changes.items()}
    return merged(recipe(EXPERIMENTS, world).run, dotted)


def run_of(world, **changes):
    """Make the run of a world's recipe with settings on top; refuse settings that do not fit."""
    run = from_dict(settings_of(world, **changes))
    world_of(run)
    return run


def tiny(world, **changes):
    """Make a run of a world that takes a fraction of a second."""
    return run_of(world, **{**TINY[world], **changes})


def numbered_samples(first, count, shape=(3,)):
    """Make samples whose columns all follow from their number."""
    numbers = torch.arange(first, first + count)
    images = numbers.float().view(-1, *[1] * len(shape)).repeat(1, *shape)
    return Samples(images, numbers % 10, numbers * 7, numbers)


def add_round(pool, samples, entropy=None, parts=None, retired=(), omega=0.0, step=0, cost=None):
    """Append a round of samples to a pool, written by as many writers as there are `parts` (of rows)."""
    count = len(samples.labels)
    rows = Rows.of(samples, torch.zeros(count) if entropy is None else entropy)
    cost = cost or Cost(images=count)
    for part in [range(count)] if parts is None else parts:
        writer = pool.writer(omega, step)
        writer.add(rows.take(torch.tensor(part)), Cost())
        writer.flush()
    pool.commit(omega, step, cost, torch.tensor(retired, dtype=torch.long))
    pool.append()
    return pool


def pool_of(samples, folder):
    """Make a pool of one round with the given samples in a folder."""
    return add_round(Pool(folder / "pool", tuple(samples.images.shape[1:])), samples)


def practise(run, folder, source=None, watch=None, judge=None):
    """Run Algorithm 1 without a run directory; return its events, pool and learner."""
    world, learner = world_of(run), new_learner(run, "cpu")
    split = world.validation_split(run.seed)
    pool = Pool(folder / "pool", world.shape, 0, "cpu", run.growth.newest_weight)

    def simply(model):
        return dict.fromkeys(("accuracy_validation", "signal"), accuracy(model, split))

    source = source or Sampler(world, run.sampling)
    setup = Setup(run=run, learner=learner, pool=pool, source=source, watch=watch or simply, judge=judge)
    return list(practice(setup, Progress())), pool, learner


def setup_of(run, learner, pool, source=None, judge=None, ranks=ALONE):
    """Set up single rounds: nothing is evaluated; images come from the run's own sampler unless a source is given."""
    source = source or Sampler(world_of(run), run.sampling)
    return Setup(run=run, learner=learner, pool=pool, source=source, watch=lambda _: {}, judge=judge, ranks=ranks)


def cases_of(runs, examine="", figure="f"):
    """Make a case of every run, as a figure plans them; the value of a case is its number."""
    return [Case(figure, "p", "s", number, run, examine) for number, run in enumerate(runs)]


def folder_of(run, root):
    """Return the folder of a run under a root."""
    return Path(root) / run.world.name / run_name(run)


def without_seconds(cost):
    """Keep the cost counters that are the same on every machine."""
    return {name: value for name, value in cost.items() if not name.endswith("_cpu_s")}


def outcome(run, root):
    """Do a run; return its result, metrics and pool files, bit for bit, without CPU seconds."""
    folder = folder_of(run, root)
    execute(run, root)
    result = json.loads((folder / "result.json").read_text())
    del result["sha256"]
    result["cost"] = without_seconds(result["cost"])
    pool = {path.name: path.read_bytes() for path in sorted((folder / "pool").glob("*.parquet"))}
    for path in sorted((folder / "pool").glob("*.json")):
        values = json.loads(path.read_text())
        pool[path.name] = {key: value for key, value in values.items() if key not in ("cost", "sha256")}
        pool[path.name]["cost"] = without_seconds(values["cost"])
    return result, (folder / "metrics.jsonl").read_text(), pool
