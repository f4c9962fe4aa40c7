"""Load the lessons, and run them in this process with answers in place of their `name = None` cells."""

import ast
import importlib.util
import sys
from functools import cache

from lessons import catalogue

LESSONS = catalogue.lessons()
NAMES = [one.path.stem for one in LESSONS]


@cache
def load(lesson):
    """Import a lesson's file as a module."""
    name = f"lesson_{lesson.number}"
    spec = importlib.util.spec_from_file_location(name, lesson.path)
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def unanswered(lesson):
    """Return the names that a lesson's cells set to None, for the reader to replace."""
    cells = [node for node in ast.parse(lesson.path.read_text()).body if isinstance(node, ast.FunctionDef)]
    assignments = [node for cell in cells for node in cell.body if isinstance(node, ast.Assign)]
    return {
        target.id
        for node in assignments
        if isinstance(node.value, ast.Constant) and node.value.value is None
        for target in node.targets
    }


def run(lesson, answers):
    """Run a lesson with answers by name, since marimo ignores a name that no cell defines."""
    unknown = set(answers) - unanswered(lesson)
    if unknown:
        raise NameError(f"lesson {lesson.number} has no answer cell for {', '.join(sorted(unknown))}")
    return load(lesson).app.run(defs=dict(answers))
