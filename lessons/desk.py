"""Show titles, predictions and checks: as marimo's callouts in the browser, as plain text in a script."""

from __future__ import annotations

import math
from numbers import Real
from pathlib import Path
from typing import Any, Literal

import marimo as mo

from lessons.catalogue import lesson
from lessons.exercise import Exercise

_KINDS: dict[str, Literal["success", "danger", "neutral"]] = {
    "right": "success",
    "wrong": "danger",
    "unanswered": "neutral",
}


def title(file: str) -> mo.Html:
    """Show number, question and minutes of the lesson in `file` (pass `__file__`)."""
    this = lesson(Path(file))
    _say(f"Lesson {this.number}: {this.question}")
    how = "Your cells say `= None`: replace it and press Ctrl + Enter; all that depends on the cell follows."
    return mo.md(f"# Lesson {this.number}: {this.question}\n\n*About {this.minutes} minutes. {how}*")


def predicted(name: str, prediction: Any) -> float:
    """Return the reader's prediction; without one, ask for it and stop the cell and all cells that need it.

    Where a lesson is served read-only nobody can type, and NaN stands for the prediction: results are shown at once.
    """
    if prediction is None and mo.app_meta().mode == "run":
        return math.nan
    number = prediction if isinstance(prediction, Real) and math.isfinite(prediction) else None
    if number is None:
        got = "" if prediction is None else f" (it is {prediction!r}, which is not a number)"
        words = f"Write a prediction first: set `{name}` to a number{got}. A guess will do; the result follows."
        _say(f"{name}: unanswered. {words}")
        mo.stop(True, mo.callout(mo.md(words), kind="warn"))
        raise AssertionError("mo.stop has stopped the cell")
    return float(number)


def compare(prediction: float, result: float, what: str, digits: int = 3) -> mo.Html:
    """Show a prediction beside the result, `what`, and how far apart they are."""
    words = f"{what[0].upper()}{what[1:]}: **{result:.{digits}g}**."
    if math.isfinite(prediction):
        words += f" You predicted {prediction:.{digits}g}{_apart(prediction, result)}."
    _say(words.replace("**", ""))
    return mo.callout(mo.md(words), kind="info")


def check(exercise: Exercise, answer: Any) -> mo.Html:
    """Show whether an answer is right, a hint where it is not, and the folded solution."""
    verdict = exercise.check(answer)
    _say(f"{exercise.name}: {verdict.status}. {verdict.words}")
    heading = {"right": "Right.", "wrong": "Not yet.", "unanswered": ""}[verdict.status]
    return mo.vstack(
        [
            mo.callout(mo.md(f"{heading} {verdict.words}".strip()), kind=_KINDS[verdict.status]),
            mo.accordion({"Solution": mo.md(f"```python\n{exercise.source()}\n```")}),
        ]
    )


def _apart(prediction: float, result: float) -> str:
    """Say how far a prediction is from the result, as a ratio where both are positive.

    >>> _apart(0.06, 0.03), _apart(1.02, 1.0), _apart(-1.0, 2.0)
    (', 2.0 times too much', ', within 5 %', ', 3 too little')
    """
    if prediction <= 0 or result <= 0:
        return f", {abs(prediction - result):.3g} too {'much' if prediction > result else 'little'}"
    ratio = prediction / result
    if abs(ratio - 1) <= 0.05:
        return ", within 5 %"
    return f", {ratio:.1f} times too much" if ratio > 1 else f", {1 / ratio:.1f} times too little"


def _say(words: str) -> None:
    """Print where a lesson runs as a script."""
    if not mo.running_in_notebook():
        print(words)
