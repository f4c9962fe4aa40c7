"""Look up a figure by its name; its module is imported only then, because matplotlib takes a second."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from figures.contract.figure import Figure

QUESTIONS = {  # the figures and tables in the order of `list`: question -> name -> room of its module
    "Does deliberate practice learn more from each sample?": {
        "fig4": "practice",
        "fig1": "practice",
        "table4": "tables",
        "table5": "tables",
        "table1": "tables",
    },
    "Select hard examples or generate them, and at what cost?": {
        "fig5": "practice",
        "fig11": "pictures",
        "modes": "tables",
        "outliers": "practice",
    },
    "When is a hard example worth more than a plain one?": {
        "fig3": "theory",
        "fig7": "theory",
        "phase": "theory",
        "curation": "theory",
        "spectra": "theory",
        "loss": "theory",
        "exponent": "theory",
    },
    "Can practice be predicted, and planned?": {
        "law_of_practice": "theory",
        "adaptive": "practice",
        "schedule": "theory",
        "carry_over": "practice",
    },
    "What happens during practice, and which part of it matters?": {
        "fig2": "practice",
        "fig6": "practice",
        "fig9": "practice",
        "table3": "tables",
        "workshop": "tables",
    },
    "Which real data and which generator does it need?": {
        "validation": "practice",
        "no_real_data": "practice",
        "generators": "practice",
        "table2": "tables",
    },
    "How do hard images look?": {
        "fig8": "pictures",
        "fig10": "pictures",
        "fig12": "pictures",
        "fig13": "pictures",
    },
    "Does the theory hold for real data, and can a fit be trusted?": {
        "real_data": "theory",
        "grade": "theory",
    },
}
FIGURES = {name: room for rooms in QUESTIONS.values() for name, room in rooms.items()}


def figure(name: str) -> Figure:
    """Import the module of a figure and return the figure."""
    found: Figure = importlib.import_module(f"figures.{FIGURES[name]}.{name}").FIGURE
    return found
