"""Shared by the tests of `empirical` and of the command line: tiny runs through the real code."""

import json
import os
import re
import signal
import socket
import time
import traceback
import warnings
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from support.places import EXPERIMENTS
from support.small_experiments import write_experiments

import paper_repro
from empirical.config import from_dict
from empirical.diffusion.cost import Cost
from empirical.diffusion.sampler import Sampler, Samples
from empirical.learning.evaluate import accuracy
from empirical.pool.parquet import Rows
from empirical.pool.pool import Pool
from empirical.practice import Progress, Surroundings, practice
from empirical.runs.execute import execute
from empirical.runs.folder import run_name
from empirical.scale.sweep import recipe
from empirical.settings.values import merged
from empirical.system.errors import InputError
from empirical.system.ranks import launched

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


@pytest.fixture(autouse=True, scope="session")
def _hear_ctrl_c():
    """A shell starts what it runs in the background deaf to SIGINT, and so would be all that tests start."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


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
        recipe(EXPERIMENTS, world), {k.replace("__", "."): v for k, v in changes.items()}
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
def samples_of():
    """Samples that know their number: every column says it."""

    def make(first, count, shape=(3,)):
        numbers = torch.arange(first, first + count)
        images = numbers.float().view(-1, *[1] * len(shape)).repeat(1, *shape)
        return Samples(images, numbers % 10, numbers * 7, numbers)

    return make


@pytest.fixture(scope="session")
def add_round():
    """Append a round of the given samples to a pool, written by as many writers as there are `parts` (of rows)."""

    def add(pool, samples, entropy=None, parts=None, retired=(), omega=0.0, step=0, cost=None):
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

    return add


@pytest.fixture(scope="session")
def pool_of(add_round):
    """A pool of one round with the given samples, in a folder."""
    return lambda samples, folder: add_round(Pool(folder / "pool", tuple(samples.images.shape[1:])), samples)


@pytest.fixture(scope="session")
def practise():
    """Algorithm 1 without a run directory: its events, pool and learner."""

    def go(run, folder, source=None, watch=None, judge=None):
        learner, split = run.world.learner(run, "cpu"), run.world.validation_split(run.seed)
        pool = Pool(folder / "pool", run.world.shape, 0, "cpu", run.growth.newest_weight)

        def simply(model):
            return dict.fromkeys(("accuracy_validation", "signal"), accuracy(model, split))

        around = Surroundings(source or Sampler(run.world, run.sampling), watch or simply, judge)
        return list(practice(run, learner, pool, around, Progress())), pool, learner

    return go


@pytest.fixture(scope="session")
def folder_of():
    """Where a run lives under a root."""
    return lambda run, root: Path(root) / run.world.name / run_name(run)


def without_seconds(cost):
    """Cost counters that are the same on every machine."""
    return {name: value for name, value in cost.items() if not name.endswith("_cpu_s")}


@pytest.fixture(scope="session")
def outcome(folder_of):
    """Everything a run leaves, CPU seconds apart: its result, its metrics and the files of its pool, bit for bit."""

    def read(run, root):
        folder = folder_of(run, root)
        result = json.loads(json.dumps(execute(run, root)))
        result["cost"] = without_seconds(result["cost"])
        pool = {path.name: path.read_bytes() for path in sorted((folder / "pool").glob("*.parquet"))}
        for path in sorted((folder / "pool").glob("*.json")):
            values = json.loads(path.read_text())
            pool[path.name] = {key: value for key, value in values.items() if key not in ("cost", "sha256")}
            pool[path.name]["cost"] = without_seconds(values["cost"])
        return result, (folder / "metrics.jsonl").read_text(), pool

    return read


@pytest.fixture(scope="session")
def undisturbed(tiny, outcome, tmp_path_factory):
    """The outcome of a tiny run nobody touches, by world and changed settings; each is made once."""
    root, made = tmp_path_factory.mktemp("undisturbed"), {}

    def get(world, **changes):
        key = (world, *sorted(changes.items()))
        if key not in made:
            made[key] = outcome(tiny(world, **changes), root)
        return made[key]

    return get


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
def two():
    """Call `work(ranks, device)` in two processes that do it together; whatever goes wrong in one is raised here."""

    def call(work, folder, seconds=90):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        place = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
        children = []
        for rank in range(2):
            child = os.fork()
            if child == 0:
                try:
                    warnings.simplefilter("ignore")  # those of accelerate and torch.distributed are not this project's
                    os.environ.update(place, RANK=str(rank), LOCAL_RANK=str(rank), ACCELERATE_USE_CPU="true")
                    with launched("cpu") as (ranks, device):
                        work(ranks, device)
                    os._exit(0)
                except BaseException:
                    (folder / f"error_{rank}").write_text(traceback.format_exc())
                    os._exit(1)
            children.append(child)
        codes = [_wait(child, seconds) for child in children]
        errors = [path.read_text() for path in sorted(folder.glob("error_*"))]
        assert codes == [0, 0], "\n".join(errors) or codes

    return call


def _wait(child, seconds):
    """Exit code of a child; it is killed if it does not end."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return "killed: it did not end"


@pytest.fixture(scope="session")
def complains():
    """Expect an InputError of the agreed form that names the place."""
    return lambda where: pytest.raises(InputError, match=rf"(?s)^.*{re.escape(str(where))}.*: got .+; allowed .+; .+")


@pytest.fixture
def small(tmp_path):
    """Small experiments: where they are, where to write, and the arguments that say so."""
    folder, out = write_experiments(tmp_path / "experiments"), tmp_path / "out"
    return SimpleNamespace(folder=folder, out=out, places=["--experiments", str(folder), "--out", str(out)])


@pytest.fixture
def refused(capsys):
    """Call the program with arguments it must refuse: exit code 2, one line of the agreed form, nothing else."""

    def call(*arguments):
        assert paper_repro.main([str(argument) for argument in arguments]) == 2
        said = capsys.readouterr().err
        assert said.startswith("error: ")
        assert said.count("\n") == 1
        assert "Traceback" not in said
        head, allowed, _ = said.split("; ", 2)
        assert ": got " in head
        assert allowed.startswith("allowed ")
        return said

    return call
