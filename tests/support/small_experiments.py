"""Write small experiments of the linear world, and start the program on them, for tests of the command line."""

import os
import subprocess
import sys
import time
from pathlib import Path

import paper_repro
from empirical.scale import sweep

WORLD = """
[world]
name = "linear"
dimension = 16
validation = 100
[learner]
kind = "ridge"
[training]
iterations = {iterations}
[sampling]
steps = {steps}
batch = 16
[growth]
initial = 16
addition = 16
evaluate_every = 1
patience = 1
[acquire]
omega = 0.01
[throughput]
images = {{ plain = 20000, random = 3000, x0 = 9000, denoiser = 6000 }}
iterations = {{ ridge = 600, logistic = 20 }}
"""
FIGURE = """# Figure 4: a small one.
paper = true
compute_s = { default = 1, quick = 1 }
[presets.default.seeds]
linear = 2
[presets.quick.seeds]
linear = 2
[[series]]
panel = "linear"
name = "static"
world = "linear"
vary = "growth.initial"
values = [16, 32, 48]
set = { "growth.additions" = 0 }
[[series]]
panel = "linear"
name = "deliberate practice"
world = "linear"
vary = "growth.additions"
values = [1, 2]
"""
COMMAND = ["fig4", "--world", "linear", "--preset", "quick", "--seeds", "2", "--workers", "1"]


def write_experiments(folder, iterations=12, steps=8):
    """Write the files of a figure and of its world into a folder, and return the folder."""
    (folder / "worlds").mkdir(parents=True)
    (folder / "fig4.toml").write_text(FIGURE)
    (folder / "worlds" / "linear.toml").write_text(WORLD.format(iterations=iterations, steps=steps))
    return folder


def start(*arguments, **changes):
    """Start the program in a process group of its own, with its output in pipes."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(paper_repro.__file__).parent)}
    return subprocess.Popen(
        [sys.executable, paper_repro.__file__, *(str(argument) for argument in arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, env=environment, **changes,
    )  # fmt: skip


def members(group):
    """List the processes of a process group that still run."""
    running = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        if int(fields[2]) == group and fields[0] != "Z":
            running.append(int(stat.parent.name))
    return running


def wait_for(condition, what, seconds=60):
    """Wait until a condition holds; fail if it takes too long."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.02)


def files(out):
    """Read the table of the figure made under `out`."""
    return (out / "fig4" / "fig4.csv").read_bytes()


def in_this_process(cases, root, device, workers, progress):  # noqa: ARG001
    """Do the jobs of `sweep` in this process, in the same order."""
    for job in sweep.work(cases, root):
        sweep.do(job, root, device)
