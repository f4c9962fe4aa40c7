"""Fixtures of all tests; plain helpers are in tests/support."""

import gc
import signal
from types import SimpleNamespace

import pytest
import torch
from support.runs import outcome, tiny
from support.small_experiments import write_experiments

import paper_repro


@pytest.fixture(autouse=True, scope="session")
def _hear_ctrl_c():
    """Restore SIGINT: a shell's background jobs ignore it, and so would the processes that tests start."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True, scope="session")
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture
def _garbage_collected():
    """Delete submitit's jobs at the end of a test that ignores their warnings, not in whichever test comes next."""
    yield
    gc.collect()


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory):
    """Return the outcome of an undisturbed tiny run, by world and changed settings; each run is made once."""
    root, made = tmp_path_factory.mktemp("undisturbed"), {}

    def get(world, **changes):
        key = (world, *sorted(changes.items()))
        if key not in made:
            made[key] = outcome(tiny(world, **changes), root)
        return made[key]

    return get


@pytest.fixture
def small(tmp_path):
    """Write small experiments; return their folder, the output folder, and the arguments that name both."""
    folder, out = write_experiments(tmp_path / "experiments"), tmp_path / "out"
    return SimpleNamespace(folder=folder, out=out, places=["--experiments", str(folder), "--out", str(out)])


@pytest.fixture
def refused(capsys):
    """Call the program with arguments it must refuse, with exit code 2 and one line, and return that line."""

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
