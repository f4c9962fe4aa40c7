"""The text of the pages and the README: links lead somewhere, code runs, commands parse, words are spelled right."""

import re
import shlex
import subprocess
import sys

import numpy as np
import pytest
import tyro
from support.pages import TEXTS, blocks, links
from support.places import DOCS, ROOT

from cli.door import COMMANDS, FIGURES
from figures.registry import FIGURES as NAMES

by_name = pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)


@by_name
def test_every_relative_link_leads_to_a_file(path):
    missing = [target for target in links(path) if not (path.parent / target).exists()]
    assert missing == []


def given(name):
    """Make what a page's code takes for granted: curves on law.md, rows with labels on real_data.md."""
    rng = np.random.default_rng(0)
    x = 2.0 ** np.arange(7, 15)
    y = 0.1 + x**-0.5 + 0.003 * rng.standard_normal((8, 8))
    parameters, tokens = np.geomspace(1e7, 1e9, 24), np.geomspace(3e8, 8e9, 24)[rng.permutation(24)]
    loss = (1.7 + 400 * parameters**-0.34 + 410 * tokens**-0.28) * np.exp(0.002 * rng.standard_normal(24))
    X = rng.standard_normal((500, 20))
    labels = (X[:, 0] > 0).astype(int)
    law = {"x": x, "y": y, "baseline": y, "method": y - 0.02, "parameters": parameters, "tokens": tokens, "loss": loss}
    rows = {"X": X[:400], "y": labels[:400], "X_test": X[400:], "y_test": labels[400:]}
    return {"law.md": law, "real_data.md": rows}.get(name, {})


@pytest.fixture(scope="module")
def run_before():
    """Remember the blocks that ran: the README repeats some of the pages'."""
    return set()


@pytest.mark.parametrize("path", [p for p in reversed(TEXTS) if blocks(p, "python")], ids=lambda path: path.name)
def test_python_blocks_run(path, tmp_path, monkeypatch, run_before):
    """Blocks of a page run in one namespace; test_extend.py has those of extend.md."""
    (tmp_path / "experiments").symlink_to(ROOT / "experiments")
    monkeypatch.chdir(tmp_path)
    space = given(path.name)
    for block in blocks(path, "python") if path.name != "extend.md" else ():
        if block not in run_before and "load_dataset" not in block:  # tests/empirical/pool opens pools so
            exec(compile(block, path.name, "exec"), space)
            run_before.add(block)


def commands(path):
    """Return the arguments of every command of the project that a text has in a block for the shell."""
    lines = [line for block in blocks(path, "bash") for line in block.splitlines()]
    found = [re.search(r"(?:paper_repro\.py|^deliberate-practice)(?: (.*))?$", line.split("#")[0]) for line in lines]
    return [shlex.split(match[1] or "") for match in found if match]


@by_name
def test_every_command_parses(path):
    """tyro refuses an option that does not exist, and the registry a figure that does not."""
    for arguments in commands(path):
        name = arguments[0] if arguments and arguments[0] in COMMANDS else ""
        if not arguments:
            continue
        parsed = tyro.cli(COMMANDS.get(name, FIGURES).options, args=arguments[bool(name) :])
        if not name:
            assert set(parsed.targets) <= {*NAMES, "peak"}, arguments  # peak: the figure that extend.md adds


def test_an_unknown_option_would_be_noticed():
    with pytest.raises(SystemExit):
        tyro.cli(FIGURES.options, args=["fig4", "--sedes", "3"], console_outputs=False)


def test_no_word_is_misspelled():
    pytest.importorskip("codespell_lib")
    texts = [str(path.relative_to(ROOT)) for path in TEXTS]
    done = subprocess.run([sys.executable, "-m", "codespell_lib", *texts], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == ""
    assert done.returncode == 0


def test_every_page_is_in_the_contents():
    contents = (DOCS / "index.md").read_text().splitlines()
    assert {path.stem for path in DOCS.glob("*.md")} - {"index"} <= set(contents)
