"""One check of stored results: its outcome, and how a failure becomes one."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from empirical.system.errors import InputError

SEVERAL = "several"  # kinds of device made a run, so that no one of them repeats it


@dataclass(frozen=True)
class Check:
    """The outcome of one check; `message` describes what was confirmed, or the failure.

    needs: the kind of device on which the check can be made, where this one rounds otherwise, or `SEVERAL`; "" where
        the check was made.
    """

    name: str
    ok: bool
    message: str
    needs: str = ""


class MismatchError(Exception):
    """Report a stored value that differs from the recomputed or configured one."""


def agree(name: str, stored: Any, expected: Any) -> None:
    """Raise MismatchError unless a stored value is the expected one, compared as both are written in JSON."""
    if json.loads(json.dumps(stored)) != json.loads(json.dumps(expected)):
        raise MismatchError(f"{name}: {_short(stored)}, not {_short(expected)}")


def attempt(name: str, check: Callable[[], str]) -> Check:
    """Carry out a check, which returns its message; an exception about the stored data makes it a failed one."""
    try:
        return Check(name, True, check())
    except (MismatchError, InputError, OSError, ValueError, LookupError, TypeError, RuntimeError) as error:
        kind = "" if isinstance(error, MismatchError | InputError | OSError) else f"{type(error).__name__}: "
        return Check(name, False, f"{kind}{error}")


def _short(value: Any) -> str:
    """Write a value in at most 80 characters."""
    text = json.dumps(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
