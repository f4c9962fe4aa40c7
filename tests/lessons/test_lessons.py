"""Test every lesson: as a script without answers, with the solutions, with wrong answers."""

import re
import subprocess
import sys

import numpy as np
import pytest
from support.lessons import LESSONS, NAMES, load, run, unanswered

PREDICTION = 0.37  # of anything: predictions are never graded
every_lesson = pytest.mark.parametrize("lesson", LESSONS, ids=NAMES)
STATUS = re.compile(r"^(\w+): (unanswered|right|wrong)\. ", re.MULTILINE)


def predictions(lesson):
    """Return a prediction for each name that asks for one."""
    return {name: PREDICTION for name in unanswered(lesson) if name.startswith("prediction_")}


def wrong(solution):
    """Return an answer with every number off by half, and more near 0."""
    value = np.asarray(solution(), dtype=float)
    off = value * 1.5 + 0.01
    return off.item() if off.ndim == 0 else tuple(off.tolist())


# Every lesson as a script, one after the other, without network; then the heavy libraries that it has loaded.
SCRIPTS = """
import runpy, socket, sys
def refused(*_): raise OSError("a lesson asks for the network")
socket.socket.connect = socket.getaddrinfo = refused
for path in sys.argv[1:]:
    runpy.run_path(path, run_name="__main__")
    print("loaded:", *({"torch", "jax", "sklearn", "diffusers"} & set(sys.modules)))
"""


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    """Run all lessons as scripts in another process and folder; return what each printed, by its number."""
    command = [sys.executable, "-c", SCRIPTS, *(str(lesson.path) for lesson in LESSONS)]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=tmp_path_factory.mktemp("elsewhere"), check=False
    )
    assert done.returncode == 0, done.stderr
    outputs = re.findall(r"(.*?)^loaded:(.*?)$", done.stdout, re.MULTILINE | re.DOTALL)
    return {lesson.number: output for lesson, output in zip(LESSONS, outputs, strict=True)}


def test_lessons_are_numbered_from_one_in_order():
    assert [lesson.number for lesson in LESSONS] == [int(lesson.path.name[:2]) for lesson in LESSONS]
    assert [lesson.number for lesson in LESSONS] == list(range(1, len(LESSONS) + 1))
    assert len(LESSONS) >= 8
    assert all(lesson.question.endswith("?") for lesson in LESSONS)
    assert all(20 <= lesson.minutes <= 30 for lesson in LESSONS)


@every_lesson
def test_a_lesson_runs_as_a_script_and_says_what_is_unanswered(lesson, printed):
    text, loaded = printed[lesson.number]
    assert f"Lesson {lesson.number}: {lesson.question}" in text
    assert dict(STATUS.findall(text)) == dict.fromkeys(unanswered(lesson), "unanswered")
    assert not loaded.strip()


@every_lesson
def test_answer_cells_are_the_exercises_and_the_predictions(lesson):
    exercises = load(lesson).exercises()
    assert exercises
    assert predictions(lesson), "a lesson asks for a prediction"
    assert set(exercises) | set(predictions(lesson)) == unanswered(lesson)
    assert all(name == exercise.name for name, exercise in exercises.items())


@every_lesson
def test_with_the_solutions_every_check_passes(lesson, capsys):
    exercises = load(lesson).exercises()
    run(lesson, predictions(lesson) | {name: one.solution() for name, one in exercises.items()})
    assert dict(STATUS.findall(capsys.readouterr().out)) == dict.fromkeys(exercises, "right")


@every_lesson
def test_wrong_answers_fail_their_checks(lesson, capsys):
    exercises = load(lesson).exercises()
    run(lesson, predictions(lesson) | {name: wrong(one.solution) for name, one in exercises.items()})
    assert dict(STATUS.findall(capsys.readouterr().out)) == dict.fromkeys(exercises, "wrong")


@every_lesson
def test_each_usual_mistake_is_recognised_as_itself(lesson):
    for exercise in load(lesson).exercises().values():
        for words, mistake in exercise.mistakes.items():
            assert exercise.check(mistake()) == ("wrong", words), exercise.name


@every_lesson
def test_a_solution_is_short_and_the_reader_can_read_it(lesson):
    for exercise in load(lesson).exercises().values():
        source = exercise.source()
        assert source.startswith("def "), exercise.name
        assert len(source.splitlines()) <= 17, exercise.name  # signature, docstring, and at most 15 lines


@every_lesson
def test_an_answer_for_no_cell_is_refused(lesson):
    with pytest.raises(NameError, match="no answer cell for mispelt"):
        run(lesson, {"mispelt": 1.0})
