"""Table 2: static data of four latent diffusion models, ImageNet-100."""

from __future__ import annotations

from figures.paper.beside_own_runs import PaperTable
from figures.paper.numbers import TABLE2

FIGURE = PaperTable(
    "table2",
    "The generator: 130,000 static samples, ImageNet-100",
    TABLE2,
    reference="LDM-1.5",
    notes=("LDM-1.5 makes the data of the other tables.",),
).figure()
