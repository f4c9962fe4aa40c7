"""The three extensions of extend.md, made from its text in a copy of the project, work as it says."""

import json
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from support.pages import blocks
from support.places import DOCS, ROOT

import rmt

PAGE = DOCS / "extend.md"
PLACE = re.compile(r"# (\S+\.(?:py|toml))(?:, below `(.*)`)?\n")
WORK = """
import json
from pathlib import Path
from empirical.config import from_dict
from empirical.runs.execute import execute
from empirical.settings.recipes import read
from empirical.settings.values import merged
from paper_repro import main
recipe = read(Path("experiments/worlds/tilted.toml"))
accuracies = []
for seed in range(8):
    run = from_dict(merged(recipe.run, {"growth.initial": 1024, "growth.additions": 0, "seed": seed}))
    accuracies.append(execute(run, Path("runs")).accuracy)
Path("accuracies.json").write_text(json.dumps(accuracies))
for command in ("run worlds/tilted.toml --set growth.additions=3", "peak --preset quick", "verify results/peak"):
    assert main(command.split()) == 0, command
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Copy the project's packages, and do what the page says: write whole files, or lines below a given one."""
    root = tmp_path_factory.mktemp("project")
    for name in ("rmt", "scaling", "empirical", "figures", "cli", "experiments", "lessons"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "paper_repro.py", root)
    for block in blocks(PAGE, "python") + blocks(PAGE, "toml"):
        place = PLACE.match(block)
        if place:
            write(root / place[1], place[2], block[place.end() :])
    return root


def write(path, line, text):
    """Write a file, or insert the text below the line of the file that is given."""
    if line:
        head, found, tail = path.read_text().partition(f"{line}\n")
        assert found, f"{path} has no line {line!r}"
        text = head + found + text + tail
    path.write_text(text)


def call(project, *arguments):
    """Run Python in the copy, whose packages come before the installed ones; return what it printed."""
    environment = {**os.environ, "PYTHONPATH": str(project)}
    done = subprocess.run([sys.executable, *arguments], cwd=project, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_world_and_the_figure_work_by_the_commands_of_the_page(project):
    """A generator at cosine .9 costs .079 of accuracy here; eight seeds resolve .013."""
    out = call(project, "-c", WORK)
    accuracies = json.loads((project / "accuracies.json").read_text())
    law = rmt.error_rate(rmt.Problem(n=1024, d=128, ridge=1e-2, rule=rmt.KeepAll(), rho_generator=0.9))
    assert abs(np.mean(accuracies) - (1 - law)) < 4 * 0.009 / np.sqrt(8)
    assert "4 rounds" in out
    assert "error 0.481 at n/d = 1.00" in out
    assert "93 rows made again" in out
    assert (project / "results" / "peak" / "peak.png").stat().st_size > 10_000


def test_the_keep_rule_agrees_with_monte_carlo_and_its_doctest_holds(project):
    checks = [block for block in blocks(PAGE, "python") if not PLACE.match(block) and "rho_generator" not in block]
    assert len(checks) == 2
    call(project, "-c", "\n".join([*checks, "import doctest, rmt.band", "assert not doctest.testmod(rmt.band).failed"]))
