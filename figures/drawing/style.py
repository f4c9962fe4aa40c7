"""The look of all figures: colours safe for colour-blind readers, one style per series, files equal byte for byte."""

from __future__ import annotations

import io
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib
from matplotlib.figure import Figure

from empirical.system.files import write_bytes

# Okabe & Ito's palette
BLUE, SKY, GREEN, ORANGE, VERMILLION, PINK = "#0072B2", "#56B4E9", "#009E73", "#E69F00", "#D55E00", "#CC79A7"
GREY, BLACK = "#7A7A7A", "#222222"

RC: dict[Any, Any] = {
    "font.size": 9.0,
    "axes.titlesize": 9.5,
    "axes.labelsize": 9.0,
    "legend.fontsize": 8.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#E6E6E6",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "lines.linewidth": 1.4,
    "savefig.dpi": 200,
    "pdf.fonttype": 42,
    "svg.hashsalt": "deliberate-practice",
}
NO_DATES: dict[str, dict[str, None]] = {  # metadata left out, since it differs between days or machines
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "svg": {"Date": None, "Creator": None},
}


class Style(NamedTuple):
    """The colour, marker and line of a series, the same in every figure."""

    colour: str
    marker: str
    linestyle: str = "-"
    size: float = 5.0  # of the marker, points


SERIES = {  # where points coincide, the earlier series lies on top
    "static": Style(PINK, "x"),
    "deliberate practice": Style(BLUE, "o"),
    "dynamic, omega = 0": Style(ORANGE, "v", "--", 4.5),
    "plain": Style(ORANGE, "v", "--", 4.5),
    "random direction": Style(GREY, "D", "--", 3.5),
    "oversample-then-prune": Style(VERMILLION, "^"),
    "through x0": Style(BLUE, "o"),
    "through denoiser": Style(GREEN, "s"),
    "through conditional": Style(VERMILLION, "^"),
    "DP through x0": Style(BLUE, "o"),
    "DP through denoiser": Style(GREEN, "s"),
    "random baseline": Style(BLACK, "x", ":"),
    "replacement": Style(VERMILLION, "P"),
    "Theorem 1": Style(BLACK, "."),
    "DP, real images": Style(BLUE, "o"),
    "DP, synthetic images": Style(GREEN, "s", "-", 4.0),
    "DP, raw-EMA agreement": Style(ORANGE, "v", "-", 4.5),
    "one addition": Style(VERMILLION, "^"),
    "three additions": Style(BLUE, "o"),
    "unlimited additions": Style(GREEN, "s", "-", 4.0),
    "no addition": Style(PINK, "x"),
    "1 addition": Style(BLUE, "o"),
    "2 additions": Style(GREEN, "s"),
    "1 addition, omega = 0": Style(ORANGE, "v", "--"),
    "static, larger": Style(PINK, "*", size=6.0),
    "random generation": Style(ORANGE, "v", "--", 4.5),
    "label agreement": Style(BLUE, "o"),
    "far from all real": Style(VERMILLION, "s", size=4.0),
    "label agreement, random directions": Style(SKY, "D", "--", 3.5),
    "far from all real, random directions": Style(ORANGE, "D", "--", 3.5),
    "nothing dropped": Style(BLUE, "o"),
    "10 % dropped": Style(SKY, "p"),
    "20 % dropped": Style(GREEN, "s", size=4.0),
    "40 % dropped": Style(VERMILLION, "^"),
    "reference's images added instead": Style(BLACK, "x", ":"),
    "density": Style(GREEN, "s", size=4.0),
    "coverage": Style(VERMILLION, "^"),
    "by guidance scale": Style(BLACK, "o"),
    "by length of the training": Style(GREY, "D", size=4.0),
    "usual omega": Style(BLUE, "o"),
    "twice the usual omega": Style(VERMILLION, "^"),
}
OTHERS = (Style(SKY, "p"), Style(BLACK, "*"), Style(ORANGE, "h"), Style(GREEN, "<"), Style(VERMILLION, ">"))


def zorder(series: str) -> float:
    """Return the drawing order of a series' points: above lines and grid, in the order of `SERIES`."""
    return 4 - (list(SERIES).index(series) if series in SERIES else len(SERIES)) / 100


def series_style(series: str) -> Style:
    """Return the style of a series; one not in `SERIES` gets a spare style that depends on its name only."""
    return SERIES.get(series, OTHERS[sum(series.encode()) % len(OTHERS)])


def context() -> AbstractContextManager[None]:
    """Apply the look within a `with` block; importing this module changes no setting of matplotlib."""
    return matplotlib.rc_context(RC)


def inscribe(figure: Figure, caption: str, note: str) -> None:
    """Write the caption above the panels and, below, a note such as "quick preset" on how the picture was made."""
    if caption:
        figure.suptitle(caption, fontsize=9)
    if note:
        figure.supxlabel(note, x=0.995, ha="right", fontsize=8, style="italic", color=VERMILLION)


def save(figure: Figure, stem: Path) -> list[Path]:
    """Write stem.png, stem.pdf and stem.svg and return their paths; equal figures give equal bytes.

    Raises OSError with advice where a file cannot be written.
    """
    paths = []
    with context():
        for kind, metadata in NO_DATES.items():
            buffer = io.BytesIO()
            figure.savefig(buffer, format=kind, metadata=metadata)
            paths.append(stem.parent / f"{stem.name}.{kind}")
            write_bytes(paths[-1], buffer.getvalue())
    return paths
