"""Table 1: deliberate practice beside real photographs and the work of others, on ImageNet-100 and ImageNet-1k."""

from __future__ import annotations

from figures.paper.beside_own_runs import PaperTable
from figures.paper.numbers import TABLE1

FIGURE = PaperTable(
    "table1",
    "Top-1 accuracy of real photographs, other synthetic data and deliberate practice",
    TABLE1,
    notes=(
        "Lines of real photographs and of other people's work are no runs of this project and stay empty.",
        "Validation is of the line's own task, ImageNet-100 or ImageNet-1k; guidance scale 2 (tables 4 and 5: 3).",
    ),
).figure()
