"""The command `learn`: list the lessons, or open one in the browser."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

from rich.table import Table

from cli.options import LearnOptions
from cli.terminal import console
from empirical.system.errors import require
from empirical.system.files import require_writable, write_bytes
from lessons.catalogue import Lesson, lessons

SETTINGS = b"[tool.marimo.runtime]\nauto_instantiate = true  # run a lesson's cells when it is opened\n"


def main(options: LearnOptions) -> int:
    """List the lessons, or open one: the reader's own copy to edit, or, with --run, the lesson itself to read."""
    known = {one.number: one for one in lessons()}
    if options.lesson is None:
        _list(list(known.values()))
        return 0
    require(options.lesson in known, "learn", options.lesson, f"lessons {min(known)} to {max(known)}", "name one")
    installed = importlib.util.find_spec("marimo") is not None
    require(installed, "learn", "no marimo", "marimo 0.25 or newer", 'pip install "deliberate-practice[learn]"')
    lesson = known[options.lesson]
    path = lesson.path if options.run else _copy(lesson, options.out)
    console.print(f"{path}: Ctrl-C ends the lesson.", markup=False, highlight=False, soft_wrap=True)
    command = [sys.executable, "-m", "marimo", "run" if options.run else "edit", str(path)]
    return subprocess.run(command, env=os.environ | {"MARIMO_SKIP_UPDATE_CHECK": "1"}, check=False).returncode


def _list(known: list[Lesson]) -> None:
    """Print number, question, minutes and file of every lesson."""
    table = Table("lesson", "question", "minutes", "file")
    for one in known:
        table.add_row(str(one.number), one.question, str(one.minutes), str(one.path))
    console.print(table)
    console.print("Open one: learn 1", markup=False, highlight=False)


def _copy(lesson: Lesson, out: Path) -> Path:
    """Copy a lesson into `out` unless it is there already, with the reader's answers."""
    path = out / lesson.path.name
    if not path.exists():
        require_writable(path)
        shutil.copyfile(lesson.path, path)
    settings = out / "pyproject.toml"
    if not settings.exists():
        write_bytes(settings, SETTINGS)
    return path
