"""Figure 4: accuracy against the total number of synthetic samples, static against deliberate practice.

Own runs on the worlds "linear" and "digits" (practice, with its controls, and theory where given), and the paper's own
points for ImageNet-100 and ImageNet-1k (Tables 4 and 5).
"""

from collections.abc import Sequence

from matplotlib.figure import Figure

from figures import panels, scaling, style
from figures.paper import DP, STATIC
from figures.table import Row, select

PANELS = {  # panel: (title, y label), in this order
    "linear": ("linear world", "test accuracy"),
    "digits": ("digits", "accuracy on real test digits"),
    "IN-100 (paper)": ("ImageNet-100: the paper's numbers (Table 4)", "accuracy on real validation set"),
    "IN-1k (paper)": ("ImageNet-1k: the paper's numbers (Table 5)", "accuracy on real validation set"),
}


def saving(rows: Sequence[Row], panel: str) -> scaling.Multiplier | None:
    """How many times fewer samples deliberate practice needs for the best measured accuracy of static data.

    Sizes between points are interpolated; where DP's smallest size is already better the factor is a lower bound (">"),
    where its largest is still worse an upper bound ("<"). None unless the panel has both series.
    """
    static, practice = (_measured(rows, panel, series) for series in (STATIC, DP))
    return scaling.multiplier(static, practice, max(static.y)) if static.x and practice.x else None


def _measured(rows: Sequence[Row], panel: str, series: str) -> scaling.Curve:
    return panels.curve(row for row in select(rows, panel=panel, series=series) if row.source in ("practice", "paper"))


def summary(rows: Sequence[Row]) -> str:
    """One line for the terminal: per panel, static's best accuracy and the samples both methods need for it."""
    parts = []
    for panel in PANELS:
        found = saving(rows, panel)
        if found:
            dp, static, words = (
                panels.count(found.method_x),
                panels.count(found.baseline_x),
                found.words("fewer", "more"),
            )
            said = f"by DP with {dp} samples ({words})" if words else f"not by DP with {dp} samples"
            parts.append(f"{panel}: {found.level:.3f} by static with {static} samples, {said}")
    return "; ".join(parts) or "no panel has both methods"


def draw(rows: Sequence[Row], note: str = "", caption: str = "") -> Figure:
    """One panel per world that has rows; an arrow shows the samples saved at static's best accuracy.

    `note` marks e.g. a quick preset, `caption` names the settings. Raises ValueError if no row is of a known panel.
    """
    present = [panel for panel in PANELS if select(rows, panel=panel)]
    if not present:
        raise ValueError(f"fig4.draw: got no rows of any panel; allowed {list(PANELS)}; do run a world first")
    columns = min(len(present), 2)
    with style.context():
        figure = Figure(figsize=(4.8 * columns, 3.6 * -(-len(present) // columns) + 0.6), layout="constrained")
        named = []
        for index, panel in enumerate(present):
            ax = figure.add_subplot(-(-len(present) // columns), columns, index + 1)
            here = select(rows, panel=panel)
            named.append(panels.curves(ax, here))
            panels.log_ticks(ax, min(row.x for row in here), max(row.x for row in here))
            title, ylabel = PANELS[panel]
            ax.set(title=title, xlabel="synthetic samples in total", ylabel=ylabel)
            found = saving(rows, panel)
            if found:
                panels.saving(ax, found, found.words("fewer", "more"), style.SERIES[DP].colour)
        panels.legend(figure, named)
        style.inscribe(figure, caption, note)
    return figure
