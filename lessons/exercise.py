"""Check a reader's answer against the solution, and recognise the usual mistakes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Verdict(NamedTuple):
    """Hold the verdict on an answer: its status, and the words for the reader."""

    status: Literal["unanswered", "right", "wrong"]
    words: str


@dataclass(frozen=True, kw_only=True)
class Exercise:
    """A question whose answer is a number or several numbers.

    name: of the variable that the reader sets. solution: computes the answer; its source is shown to the reader.
    rtol: largest relative deviation of each number. atol: allowed beyond it, where one would quote a rounded answer.
    hint: for a wrong answer. mistakes: usual wrong ways, by the sentence that tells a reader who went that way what is
    wrong. meaning: what the right answer says.

    >>> double = Exercise(name="twice", solution=lambda: 2.0 * 3, rtol=0.01, hint="Twice 3.", meaning="3 + 3 is 6.",
    ...                   mistakes={"That is the square.": lambda: 9.0})
    >>> double.check(6.001).status, double.check(9).words, double.check(None).words
    ('right', 'That is the square.', 'No answer yet: set `twice` in the cell above.')
    """

    name: str
    solution: Callable[[], Any]
    rtol: float
    hint: str
    meaning: str
    mistakes: Mapping[str, Callable[[], Any]] = field(default_factory=dict)
    atol: float = 0.0

    def check(self, answer: Any) -> Verdict:
        """Compare an answer with the solution: right within the tolerances, wrong with a hint, or unanswered (None)."""
        if answer is None:
            return Verdict("unanswered", f"No answer yet: set `{self.name}` in the cell above.")
        expected = np.atleast_1d(self.solution())
        given = _numbers(answer)
        if given is None or given.shape != expected.shape:
            wanted = "one finite number" if expected.size == 1 else f"{expected.size} finite numbers, e.g. a tuple"
            return Verdict("wrong", f"`{self.name}` is {answer!r}; it has to be {wanted}.")
        if self._close(given, expected):
            return Verdict("right", self.meaning)
        for words, mistake in self.mistakes.items():
            if self._close(given, np.atleast_1d(mistake())):
                return Verdict("wrong", words)
        return Verdict("wrong", self.hint)

    def _close(self, given: NDArray[np.float64], wanted: NDArray[Any]) -> bool:
        return bool(np.all(np.abs(given - wanted) <= self.atol + self.rtol * np.abs(wanted)))

    def source(self) -> str:
        """Return the source of the solution, without its decorators."""
        lines = inspect.getsource(inspect.unwrap(self.solution)).splitlines()
        start = next(i for i, line in enumerate(lines) if not line.startswith("@"))
        return "\n".join(lines[start:])


def _numbers(answer: Any) -> NDArray[np.float64] | None:
    """Convert an answer to finite numbers, (K,); None where it is something else."""
    try:
        given = np.atleast_1d(np.asarray(answer, dtype=np.float64))
    except (TypeError, ValueError):
        return None
    return given if given.ndim == 1 and np.isfinite(given).all() else None
