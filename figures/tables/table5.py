"""Table 5: static data and deliberate practice at every size: ImageNet-1k, and digits with sizes divided by 2000."""

from __future__ import annotations

from figures.paper.beside_own_runs import PaperTable
from figures.paper.numbers import TABLE5

FIGURE = PaperTable(
    "table5",
    "ImageNet-1k, and digits with all sizes divided by 2000 (dashed: 13,000,000 static samples)",
    TABLE5,
    reference="static, 13000k",
    notes=(
        "The paper's heads of ImageNet-Sketch and ImageNet-R look exchanged in this table (in its Table 1, ImageNet-R "
        "is the higher one): its numbers stand as printed, own ones under their right heads.",
    ),
).figure("digits")
