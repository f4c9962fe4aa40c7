"""Define what a figure is: how its table is computed from settings and finished runs, and how the table is shown."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from empirical.runs.result import Record
from figures.contract.table import Row

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Plot

Settings = Mapping[str, Any]  # the keys of experiments/<name>.toml, one of its presets included
Progress = Callable[[int, int, str], None]  # (points done, points in all, what comes next)


@dataclass(frozen=True)
class NoSettings:
    """The settings of a figure whose TOML file has no keys beside its series, presets and `compute_s`."""


@dataclass(frozen=True)
class Inputs:
    """Everything that a figure's table is computed from: its settings and the records of its finished runs.

    `progress` is called as (done, total, what) before each step of a computation that takes seconds.
    """

    settings: Settings
    records: Sequence[Record] = ()
    progress: Progress = lambda *_: None


@dataclass(frozen=True)
class Contents:
    """Everything that a figure shows: the rows of its table, and what stands beside them.

    note: marks e.g. a quick preset. caption: one line above the panels. pictures: sheets of sample images by world.
    details: plain numbers of the manifest that do not fit into a tidy table.
    """

    rows: Sequence[Row]
    note: str = ""
    caption: str = ""
    pictures: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    details: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def computed(self, figure: str) -> Sequence[Row]:
        """Return the rows; ValueError where there are none."""
        if not self.rows:
            raise ValueError(f"{figure}.draw: got no rows; allowed the rows of {figure}.compute; do compute them first")
        return self.rows

    def panels(self, known: Iterable[str], where: str) -> list[str]:
        """Return those of the `known` panels that have rows; ValueError where none has."""
        given, names = {row.panel for row in self.rows}, list(known)
        if given.isdisjoint(names):
            raise ValueError(f"{where}: got no rows of any panel; allowed {names}; do run a world first")
        return [name for name in names if name in given]


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One figure or table of the project, made of finished runs: a figure never trains and never samples images.

    compute: makes the rows of the tidy table from settings, run records and `rmt`.
    summary: says the result in one line for the terminal.
    draw: draws the panels that have rows; raises ValueError where there are none.
    describe: captions the figure with its settings.
    story: tells the result in a short paragraph, for a reader who has not read the paper.
    details: collects numbers for the manifest from the records, as plain values.
    markdown: writes the table as Markdown.
    pictures: collects sample images from the records, for `draw`.
    panels: the panels that series of runs may name in experiments/<name>.toml; empty for a figure without runs.
    settings: a dataclass whose fields are the figure's own keys in experiments/<name>.toml, with their types.
    """

    name: str
    compute: Callable[[Inputs], list[Row]]
    summary: Callable[[Contents], str]
    draw: Callable[[Contents], Plot]
    describe: Callable[[Settings], str]
    story: Callable[[Contents], str] | None = None
    details: Callable[[Sequence[Record]], dict[str, Any]] | None = None
    markdown: Callable[[Contents], str] | None = None
    pictures: Callable[[Sequence[Record]], Mapping[str, Any]] | None = None
    panels: tuple[str, ...] = ()
    settings: type = NoSettings
