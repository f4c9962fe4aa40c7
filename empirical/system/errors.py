"""The one form of every error message to the user: `where: got X; allowed Y; do Z`."""

from __future__ import annotations

import math
from typing import Any


class InputError(ValueError):
    """Report bad input from a person as `where: got X; allowed Y; do Z`; the command line shows no traceback."""

    def __init__(self, where: str, got: Any, allowed: str, do: str) -> None:
        try:
            shown = repr(got)
        except RecursionError:
            shown = "values nested beyond all reason"
        super().__init__(f"{where}: got {shown}; allowed {allowed}; {do}")
        self.arguments = (where, got, allowed, do)

    def __reduce__(self) -> tuple[type, tuple[Any, ...]]:
        return type(self), self.arguments  # so that a worker process can pickle it for its parent


def require(condition: bool, where: str, got: Any, allowed: str, do: str = "correct the value") -> None:
    """Raise `InputError` unless the condition holds."""
    if not condition:
        raise InputError(where, got, allowed, do)


def require_positive(where: str, **values: float) -> None:
    """Refuse values that are not finite numbers above zero."""
    for name, value in values.items():
        require(math.isfinite(value) and value > 0, f"{where}.{name}", value, "a finite number > 0")


def require_non_negative(where: str, **values: float) -> None:
    """Refuse values that are not finite numbers of at least zero."""
    for name, value in values.items():
        require(math.isfinite(value) and value >= 0, f"{where}.{name}", value, "a finite number >= 0")
