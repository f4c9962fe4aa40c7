"""Sphinx roles and directives that write the numbers of shipped tables; an unknown key ends the build.

{num}`fig4; digits; static; accuracy; 512`      .930 +- .003    {miss}: 1 - y, the error of an accuracy
{value}`fig4; digits; static; accuracy; 512`    .930
{detail}`fig4; gains; panel=digits; size=512; gain over static`   a paired gain with its intervals, or text
{fewer}`fig4; digits; static; deliberate practice; accuracy; 0.938`   times fewer samples, with an interval
{count}`fig4; digits; static; accuracy; 512`    the number of seeds or trials

```{made} fig4                 the picture, how it was made, and the line that the command prints
```
```{results} table3            the figure's own Markdown table
```
```{errata}                    the paper's misprints, computed and simulated while the page is built
```{lessons}                   the lessons: number, question, minutes, and their pictures
```
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tables
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective, SphinxRole

from figures.contract.figure import Contents
from figures.contract.records import averages
from figures.contract.table import select
from figures.registry import figure
from lessons.catalogue import lessons
from rmt.errata import errata
from scaling.ratios import multiplier, whole_curve

MISSING = "No table of this figure is shipped: the numbers of this section are those of an earlier run, copied by hand."


def number(key: str) -> str:
    """Write y and its standard error."""
    row = tables.row(key)
    return tables.measured(row.y, row.stderr, signed=row.quantity in ("change", "gap"))


def miss(key: str) -> str:
    """Write 1 - y and its standard error."""
    row = tables.row(key)
    return tables.measured(1 - row.y, row.stderr)


def detail(path: str) -> str:
    """Write an entry of a manifest's details: a paired gain with its intervals, a number, or a text."""
    entry = tables.detail(path)
    if isinstance(entry, dict):
        return tables.gain(entry)
    return tables.measured(entry, None) if isinstance(entry, float) else str(entry)


FOLDED = "The numbers in one look, computed from the table"


def fewer(key: str) -> str:
    """Write how many times fewer samples a series needs than a baseline at a level, with its 95 % interval.

    key: "figure; panel; baseline; series; quantity; level"; the level "best" is the highest that can be read.
    """
    name, panel, baseline, series, quantity, level = (part.strip() for part in key.split(";"))
    rows = select(tables.shipped(name).rows, panel=panel, quantity=quantity, source="practice")
    curves = [averages([row for row in rows if row.series == one]) for one in (baseline, series)]
    whole = level == "best"
    read = (whole_curve(*curves, direction="up") if whole else multiplier(*curves, [float(level)], direction="up")).best
    known = read.interval() or f"point estimate {read.factor:.1f}"
    return f"{read.words('fewer', 'more')} ({known}) for {tables.plain(read.level, 3)}"


ROLES: dict[str, Callable[[str], str]] = {
    "num": number,
    "miss": miss,
    "value": lambda key: number(key).partition(" +- ")[0],
    "detail": detail,
    "fewer": fewer,
    "count": lambda key: str(tables.row(key).n_seeds),
}


class Number(SphinxRole):
    """A role that writes what a function of its key returns."""

    def __init__(self, write: Callable[[str], str]) -> None:
        self.write = write

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        try:
            text = self.write(self.text)
            depend(self.env, self.text.partition(";")[0])
        except (ValueError, KeyError) as error:
            raise ExtensionError(f"{self.env.docname}: {error}") from error
        kept = ["together"] if " +- " in text else []
        return [nodes.inline(self.rawtext, text, classes=kept)], []


def depend(env: BuildEnvironment, name: str) -> None:
    """Let a page be built again when the table of a figure, its manifest or its picture changes."""
    for path in (f"tables/{name}.csv", f"tables/{name}.json", f"{name}.png"):
        env.note_dependency(path)


class Made(SphinxDirective):
    """A figure's picture, the sentence on how its table was made, and its summary, computed from the table."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        name = self.arguments[0]
        lines = [f"![{name}]({name}.png)", ""]
        depend(self.env, name)
        try:
            table = tables.shipped(name)
        except ValueError:
            return self._parsed([*lines, f"*{MISSING}*"])
        made, filled = figure(name), Contents(table.rows, details=table.manifest["details"])
        story = [made.story(filled), ""] if made.story else []
        told = made.summary(filled).split("; ")
        folded = [*(f"* {line}" for line in told), ""]
        before = nodes.raw("", f"<details><summary>{FOLDED}</summary>", format="html")
        after = nodes.raw("", "</details>", format="html")
        above = [*lines, *story, tables.provenance(table.manifest)]
        return [*self._parsed(above), before, *self._parsed([escaped(line) for line in folded]), after]

    def _parsed(self, lines: list[str]) -> list[nodes.Node]:
        return parsed(self, lines)


class Results(SphinxDirective):
    """The Markdown table that a figure writes beside its picture, from its shipped table."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        name = self.arguments[0]
        try:
            table, made = tables.shipped(name), figure(name)
        except ValueError as error:
            raise ExtensionError(f"{self.env.docname}: {error}") from error
        if made.markdown is None:
            raise ExtensionError(f"{self.env.docname}: got the figure {name!r}; allowed one that writes Markdown")
        filled = Contents(table.rows, details=table.manifest["details"])
        return parsed(self, made.markdown(filled).splitlines())


class Errata(SphinxDirective):
    """The table of `python paper_repro.py errata`."""

    def run(self) -> list[nodes.Node]:
        heads = ("where", "as printed, and what is meant", "problem", "printed", "corrected", "Monte Carlo")
        lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
        for erratum in errata(rng=np.random.default_rng(0)):
            printed = "unusable" if erratum.printed is None else f"{erratum.printed:.4g}"
            texts = [escaped(f"  {text}").strip() for text in (erratum.where, erratum.misprint, erratum.problem)]
            numbers = [printed, f"{erratum.corrected:.4g}", f"{erratum.measured:.4g} +- {erratum.stderr:.2g}"]
            lines.append(f"| {' | '.join([*texts, *numbers])} |")
        return parsed(self, lines)


class Lessons(SphinxDirective):
    """The list of lessons, as their files have it, and their pictures, which docs/lesson_pictures.py makes."""

    def run(self) -> list[nodes.Node]:
        known = lessons()
        lines = ["| | question | minutes |", "|---|---|---|"]
        lines += [f"| {lesson.number} | {lesson.question} | {lesson.minutes} |" for lesson in known]
        for lesson in known:
            picture = Path(self.env.srcdir, "lessons", f"{lesson.path.stem}.png")
            self.env.note_dependency(str(picture))
            if picture.exists():
                lines += [
                    "",
                    f"**{lesson.number}. {lesson.question}**",
                    "",
                    f"![Lesson {lesson.number}: {lesson.question}](lessons/{picture.name})",
                ]
        return parsed(self, lines)


def escaped(line: str) -> str:
    """Keep marks of Markdown inside a line as they are.

    >>> escaped("* a ~ k^-1 * b_c | d")
    '* a \\\\~ k^-1 \\\\* b\\\\_c \\\\| d'
    """
    head, text = line[:2], line[2:]
    for mark in "*_~|<[":
        text = text.replace(mark, f"\\{mark}")
    return head + text


def parsed(directive: SphinxDirective, lines: list[str]) -> list[nodes.Node]:
    """Parse Markdown lines into nodes, at the place of a directive."""
    node = nodes.container()
    directive.state.nested_parse(StringList(lines, directive.get_source_info()[0]), directive.content_offset, node)
    return node.children


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the roles and directives."""
    for name, write in ROLES.items():
        app.add_role(name, Number(write))
    app.add_directive("made", Made)
    app.add_directive("results", Results)
    app.add_directive("errata", Errata)
    app.add_directive("lessons", Lessons)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
