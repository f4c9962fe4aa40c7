"""Show docstrings as they are written: plain text with formulas, tables in columns, and doctests.

Without this, reStructuredText would take |<x, w_s>| for a substitution, x* for emphasis and w_ for a link. Types of
arrays are shown by their names, not as the unions that they stand for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import reduce
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sphinx.application import Sphinx
from sphinx.util.typing import stringify_annotation

TYPES = {"ArrayLike": ArrayLike, "NDArray[float64]": NDArray[np.float64], "NDArray[Any]": NDArray[Any]}
LONG = {stringify_annotation(kind, "smart"): name for name, kind in TYPES.items()}


def marked(text: str) -> str:
    """Escape the marks of reStructuredText, but for code between backticks and the mark of a list.

    >>> marked("the margin |<x, w_s>| of `KeepHard`, w_*")
    'the margin \\\\|<x, w\\\\_s>\\\\| of ``KeepHard``, w\\\\_\\\\*'
    """
    bullet = "* " if text.startswith("* ") else ""
    parts = re.split(r"`([^`]+)`", text.removeprefix(bullet))
    return bullet + "".join(f"``{p}``" if k % 2 else re.sub(r"([\\*_|`])", r"\\\1", p) for k, p in enumerate(parts))


SECTION = re.compile(r"(Args|Attributes|Raises|Returns):$")


def tabular(line: str) -> bool:
    """Say whether a line is one of a formula or an example, which are indented, or of a table in columns.

    >>> tabular("    p = E[q(G)]"), tabular("n      pool size"), tabular("Plain text.")
    (True, True, False)
    """
    return line.startswith("    ") or bool(re.search(r"\S {3,}\S", line))


def item(line: str) -> str:
    """Write a line of a section: "name: text" begins an item of a list, a line that is indented further goes on.

    >>> item("    x_0: the start,"), item("        a vector."), item("    ValueError: no rows.")
    ('* ``x_0``: the start,', '  a vector.', '* ``ValueError``: no rows.')
    """
    if line.startswith("     "):
        return f"  {marked(line.strip())}"
    name, _, text = line.strip().partition(":")
    return f"* ``{name}``:{marked(text)}" if text else f"* {marked(name)}"


def shown(lines: Iterable[str]) -> list[str]:
    """Write the paragraphs of a docstring in reStructuredText.

    >>> shown(["Sum of x_i.", "", "    s = x_1 + x_2", "", ">>> 1 + 1", "2"])
    ['Sum of x\\\\_i.', '', '::', '', '        s = x_1 + x_2', '', '>>> 1 + 1', '2', '']
    """
    out: list[str] = []
    for blank, group in groupby(lines, key=lambda line: not line.strip()):
        paragraph = list(group)
        if blank:
            continue
        if paragraph[0].startswith(">>>"):
            out += [*paragraph, ""]
        elif SECTION.match(paragraph[0]):
            out += [f"**{paragraph[0]}**", "", *map(item, paragraph[1:]), ""]
        else:
            for kept, part in groupby(paragraph, key=tabular):
                head, write = (["::", ""], "    {}".format) if kept else ([], marked)
                out += [*head, *map(write, part), ""]
    return out


def replace(*event: Any) -> None:
    """Rewrite the lines of a docstring in place; they are the last argument of the event."""
    event[-1][:] = shown(event[-1])


def named(*event: Any) -> tuple[str | None, ...]:
    """Write types of arrays by their names in the signature and the returned type, the event's last two arguments."""
    return tuple(text and reduce(lambda t, item: t.replace(*item), LONG.items(), text) for text in event[-2:])


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the rewriting of docstrings and signatures."""
    app.connect("autodoc-process-docstring", replace)
    app.connect("autodoc-process-signature", named)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
