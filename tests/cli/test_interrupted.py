"""Kill, terminate or interrupt the program during a sweep: no process is left, and the same command goes on.

Experiments here are small files of the real format, on the linear world; the program is the real one.
"""

import os
import signal
from pathlib import Path

import pytest
from support.small_experiments import COMMAND, files, in_this_process, members, start, wait_for, write_experiments

import paper_repro


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
def test_killed_in_mid_sweep_it_leaves_no_process_and_the_rerun_the_same_table(tmp_path, monkeypatch):
    """Kill the parent alone with -9 after a few runs; compare the table with that of an undisturbed program."""
    experiments = ["--experiments", str(write_experiments(tmp_path / "experiments", iterations=400, steps=100))]
    out, done = tmp_path / "killed", lambda: list((tmp_path / "killed").glob("runs/linear/*/result.json"))
    with start(*COMMAND, *experiments, "--out", out) as process:
        wait_for(lambda: len(done()) >= 3 or process.poll() is not None, "three finished runs")
        os.kill(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        assert len(done()) < 10, "the kill came too late to test anything"
        wait_for(lambda: not members(process.pid), "the workers to end", 10)
    monkeypatch.setattr("empirical.scale.workers.sweep", in_this_process)
    assert paper_repro.main([*COMMAND, *experiments, "--out", str(out)]) == 0
    assert paper_repro.main([*COMMAND, *experiments, "--out", str(tmp_path / "undisturbed")]) == 0
    assert files(out) == files(tmp_path / "undisturbed")


@pytest.mark.parametrize(
    ("whom", "what", "code"),
    [
        (os.killpg, signal.SIGINT, 130),
        (os.kill, signal.SIGTERM, 143),
        pytest.param(os.kill, signal.SIGINT, 130, marks=pytest.mark.slow),
    ],
)
def test_interrupted_it_stops_at_once_and_says_how_to_go_on(tmp_path, whom, what, code):
    """Ctrl-C to the whole group and signals to the program alone end it with their exit codes, no traceback."""
    folder, out = write_experiments(tmp_path / "experiments", iterations=20000, steps=100), tmp_path / "out"
    with start(*COMMAND, "--experiments", folder, "--out", out) as process:
        wait_for(lambda: list(out.rglob("config.json")) or process.poll() is not None, "the first run")
        whom(process.pid, what)
        output = process.communicate(timeout=60)[1]
    assert process.returncode == code
    assert "goes on from here" in output
    assert "Traceback" not in output
    wait_for(lambda: not members(process.pid), "the workers to end", 10)
