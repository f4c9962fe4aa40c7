"""Table 4: static data and deliberate practice at every size: ImageNet-100, and digits with sizes divided by 500."""

from __future__ import annotations

from figures.paper.beside_own_runs import PaperTable
from figures.paper.numbers import TABLE4

FIGURE = PaperTable(
    "table4",
    "ImageNet-100, and digits with all sizes divided by 500 (dashed: 4,000,000 static samples)",
    TABLE4,
    reference="static, 4000k",
    notes=("130k + 27 x 64k is printed with a total of 1,794,000, which is 26 additions: those are what is run.",),
).figure("digits")
