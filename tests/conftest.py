"""Fixtures of all tests; plain helpers are in tests/support."""

import signal
from types import SimpleNamespace

import pytest
import torch
from support.runs import outcome, tiny
from support.small_experiments import write_experiments

import paper_repro


@pytest.fixture(autouse=True, scope="session")
def _hear_ctrl_c():
    """A shell starts what it runs in the background deaf to SIGINT, and so would be all that tests start."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True, scope="session")
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory):
    """The outcome of a tiny run nobody touches, by world and changed settings; each is made once."""
    root, made = tmp_path_factory.mktemp("undisturbed"), {}

    def get(world, **changes):
        key = (world, *sorted(changes.items()))
        if key not in made:
            made[key] = outcome(tiny(world, **changes), root)
        return made[key]

    return get


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
        message = capsys.readouterr().err
        assert message.startswith("error: ")
        assert message.count("\n") == 1
        assert "Traceback" not in message
        head, allowed, _ = message.split("; ", 2)
        assert ": got " in head
        assert allowed.startswith("allowed ")
        return message

    return call
