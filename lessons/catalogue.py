"""List the lessons: number, question and minutes stand in the first line of each file's docstring."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import NamedTuple

_TITLE = re.compile(r"Lesson (\d+): (.+) \((\d+) minutes\)")


class Lesson(NamedTuple):
    """A lesson's number, its question, the minutes that it takes, and its file."""

    number: int
    question: str
    minutes: int
    path: Path


def lessons() -> list[Lesson]:
    """List all lessons in order.

    >>> lessons()[0].question
    'Can I trust this exponent?'
    """
    return [lesson(path) for path in sorted(Path(__file__).parent.glob("[0-9][0-9]_*.py"))]


def lesson(path: Path) -> Lesson:
    """Read a lesson's title from its file; ValueError where the docstring does not begin with one."""
    title = (ast.get_docstring(ast.parse(path.read_text())) or "").partition("\n")[0]
    match = _TITLE.fullmatch(title)
    if not match:
        raise ValueError(
            f"lessons.catalogue: got title {title!r} in {path}; allowed 'Lesson 1: A question? (25 minutes)'; "
            "do begin the file's docstring with it"
        )
    number, question, minutes = match.groups()
    return Lesson(int(number), question, int(minutes), path)
