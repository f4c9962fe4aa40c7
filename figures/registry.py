"""Look up a figure by its name; its module is imported only then, because matplotlib takes a second."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from figures.contract.figure import Figure

FIGURES = {  # every figure and table in the order of `list`, and the room of its module
    "fig1": "practice",
    "fig2": "practice",
    "fig3": "theory",
    "fig4": "practice",
    "fig5": "practice",
    "fig6": "practice",
    "fig7": "theory",
    "fig8": "pictures",
    "fig9": "practice",
    "fig10": "pictures",
    "fig11": "pictures",
    "fig12": "pictures",
    "fig13": "pictures",
    "table1": "tables",
    "table2": "tables",
    "table3": "tables",
    "table4": "tables",
    "table5": "tables",
    "modes": "tables",
    "workshop": "tables",
    "validation": "practice",
    "no_real_data": "practice",
    "outliers": "practice",
    "curation": "theory",
    "spectra": "theory",
    "phase": "theory",
    "carry_over": "practice",
    "adaptive": "practice",
    "loss": "theory",
    "exponent": "theory",
    "real_data": "theory",
    "grade": "theory",
    "law_of_practice": "theory",
    "schedule": "theory",
}


def figure(name: str) -> Figure:
    """Import the module of a figure and return the figure."""
    found: Figure = importlib.import_module(f"figures.{FIGURES[name]}.{name}").FIGURE
    return found
