"""The registry of figures: every name leads to its figure, and looking at the names loads no drawing library."""

import subprocess
import sys

import pytest
from support.places import EXPERIMENTS, ROOT

from figures.registry import FIGURES, QUESTIONS, figure


@pytest.mark.parametrize("name", FIGURES)
def test_every_name_leads_to_a_figure_with_an_experiment(name):
    assert figure(name).name == name
    assert (EXPERIMENTS / f"{name}.toml").exists()


def test_every_experiment_answers_one_question():
    names = [name for names in QUESTIONS.values() for name in names]
    assert sorted(names) == sorted(path.stem for path in EXPERIMENTS.glob("*.toml"))


def test_the_names_are_known_without_matplotlib():
    code = "import sys, figures.registry; assert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
