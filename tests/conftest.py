"""Shared by the tests of `empirical` and of the command line: tiny runs through the real code."""

import json
import os
import re
import signal
from pathlib import Path

import pytest
import torch

from empirical.checkpoint import load_tensors
from empirical.config import from_dict, merged
from empirical.errors import InputError
from empirical.pool import Pool, Shard
from empirical.run import execute, run_name
from empirical.sampler import Cost
from empirical.sweep import recipe

EXPERIMENTS = Path(__file__).parents[1] / "experiments"
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


@pytest.fixture(autouse=True, scope="session")
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def experiments():
    """The folder of the project's experiments."""
    return EXPERIMENTS


@pytest.fixture(scope="session")
def settings():
    """The recipe of a world with dotted settings on top, as plain values."""
    return lambda world, **changes: merged(
        recipe(EXPERIMENTS, world)[0], {k.replace("__", "."): v for k, v in changes.items()}
    )


@pytest.fixture(scope="session")
def run_of(settings):
    """The recipe of a world with settings on top, as a `Run`."""
    return lambda world, **changes: from_dict(settings(world, **changes))


@pytest.fixture(scope="session")
def tiny(run_of):
    """The same, of a run that takes a fraction of a second."""
    return lambda world, **changes: run_of(world, **{**TINY[world], **changes})


@pytest.fixture(scope="session")
def pool_of():
    """A pool of one round with the given samples, in a folder."""

    def make(samples, folder):
        pool = Pool(folder / "pool")
        pool.append(Shard(samples=samples, entropy=torch.zeros(len(samples.labels)), round=0, omega=0.0, step=0,
                          replaces=False, cost=Cost(images=len(samples.labels))))  # fmt: skip
        return pool

    return make


@pytest.fixture(scope="session")
def folder_of():
    """Where a run lives under a root."""
    return lambda run, root: Path(root) / run.world.name / run_name(run)


@pytest.fixture(scope="session")
def outcome(folder_of):
    """Everything a run leaves, CPU seconds apart: its result, its metrics and the tensors of its pool, bit for bit."""

    def read(run, root):
        folder = folder_of(run, root)
        result = json.loads(json.dumps(execute(run, root)))
        result["cost"] = {name: value for name, value in result["cost"].items() if not name.endswith("_cpu_s")}
        pool = {path.name: {name: tensor.numpy().tobytes() for name, tensor in load_tensors(path, "")[0].items()}
                for path in sorted((folder / "pool").glob("round_*"))}  # fmt: skip
        return result, (folder / "metrics.jsonl").read_text(), pool

    return read


@pytest.fixture(scope="session")
def in_child():
    """Call a function in a forked process and return its exit code; a signal that ended it is negative."""

    def call(function, kill_after=None):
        child = os.fork()
        if child == 0:
            try:
                if kill_after is not None:
                    signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
                    signal.setitimer(signal.ITIMER_REAL, kill_after)
                function()
                os._exit(0)
            except BaseException:  # whatever it was must not go on in a copy of the test session
                os._exit(1)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    return call


@pytest.fixture(scope="session")
def complains():
    """Expect an InputError of the agreed form that names the place."""
    return lambda where: pytest.raises(InputError, match=rf"(?s)^.*{re.escape(str(where))}.*: got .+; allowed .+; .+")
