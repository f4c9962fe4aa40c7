"""Test the command `learn`: the list, the reader's copy, what is refused."""

import importlib.util
import subprocess

import pytest

import paper_repro
from cli import learn
from lessons import catalogue


@pytest.fixture
def opened(monkeypatch):
    """Record the commands that would open a browser, instead of running them."""
    commands = []

    def record(command, **_):
        commands.append(command[1:])
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(learn.subprocess, "run", record)
    return commands


def test_the_list_has_every_question_its_minutes_and_its_file(capsys):
    assert paper_repro.main(["learn"]) == 0
    output = capsys.readouterr().out
    for lesson in catalogue.lessons():
        (line,) = [line for line in output.splitlines() if lesson.question in line]
        assert str(lesson.minutes) in line
        assert lesson.path.name in line


def test_a_lesson_is_edited_as_a_copy_that_keeps_its_answers(opened, tmp_path):
    copy = tmp_path / "mine" / "01_exponent.py"
    assert paper_repro.main(["learn", "1", "--out", str(copy.parent)]) == 0
    assert copy.read_text() == catalogue.lessons()[0].path.read_text()
    assert "auto_instantiate = true" in copy.with_name("pyproject.toml").read_text()
    copy.write_text("an answer")
    assert paper_repro.main(["learn", "1", "--out", str(copy.parent)]) == 0
    assert copy.read_text() == "an answer"
    assert opened == [["-m", "marimo", "edit", str(copy)]] * 2


def test_a_lesson_is_served_read_only_from_where_it_is(opened, tmp_path):
    assert paper_repro.main(["learn", "2", "--run", "--out", str(tmp_path / "out")]) == 0
    assert opened == [["-m", "marimo", "run", str(catalogue.lessons()[1].path)]]
    assert not list(tmp_path.iterdir())


def test_a_number_without_a_lesson_is_refused(refused, opened, tmp_path):
    assert "allowed lessons 1 to" in refused("learn", 99, "--out", tmp_path / "out")
    assert not opened
    assert not list(tmp_path.iterdir())


def test_without_marimo_the_reader_is_told_how_to_install_it(refused, opened, monkeypatch, tmp_path):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "marimo" else pytest.fail(name))
    assert 'pip install "deliberate-practice[learn]"' in refused("learn", 1, "--out", tmp_path / "out")
    assert not opened
    assert not list(tmp_path.iterdir())


def test_a_lesson_without_a_title_is_refused(tmp_path):
    path = tmp_path / "09_untitled.py"
    path.write_text('"""Nothing."""\n')
    with pytest.raises(ValueError, match=r"got title 'Nothing\.'"):
        catalogue.lesson(path)
