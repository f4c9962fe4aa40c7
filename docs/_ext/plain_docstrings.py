"""Show docstrings as they are written: plain text with formulas, tables in columns, and doctests.

Without this, reStructuredText would take |<x, w_s>| for a substitution, x* for emphasis and w_ for a link.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby
from typing import Any

from sphinx.application import Sphinx



def marked(text: str) -> str:
    """Escape the marks of reStructuredText, but for code between backticks.

    >>> marked("the margin |<x, w_s>| of `KeepHard`, w_*")
    'the margin \\\\|<x, w\\\\_s>\\\\| of ``KeepHard``, w\\\\_\\\\*'
    """
    parts = re.split(r"`([^`]+)`", text)
    return "".join(f"``{p}``" if k % 2 else re.sub(r"([\\*_|`])", r"\\\1", p) for k, p in enumerate(parts))


SECTION = re.compile(r"(Args|Attributes|Raises|Returns):$")  # what sphinx.ext.napoleon makes a list of


def tabular(line: str) -> bool:
    """Say whether a line is one of a formula or an example, which are indented, or of a table in columns.

    >>> tabular("    p = E[q(G)]"), tabular("n      pool size"), tabular("Plain text.")
    (True, True, False)
    """
    return line.startswith("    ") or bool(re.search(r"\S {3,}\S", line))


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
            out += [paragraph[0], *map(marked, paragraph[1:]), ""]
        else:
            for kept, part in groupby(paragraph, key=tabular):
                out += ["::", "", *(f"    {line}" for line in part), ""] if kept else [*map(marked, part), ""]
    return out


def replace(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:  # noqa: ARG001
    """Rewrite the lines of a docstring in place, as the event asks for it."""
    lines[:] = shown(lines)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the rewriting of docstrings."""
    app.connect("autodoc-process-docstring", replace)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
