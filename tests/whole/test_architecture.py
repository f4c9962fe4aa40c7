"""Test the floor plan: a room imports only rooms below it, nothing imports in a circle, light rooms stay light."""

import subprocess
import sys

import pytest
from support.house import FLOORS, arrows_up, circles, floor, graph, room


@pytest.fixture(scope="module")
def imported():
    """Read the imports of every module."""
    return graph()


def test_no_room_imports_a_room_beside_or_above_it(imported):
    assert arrows_up(imported) == []


def test_no_modules_import_each_other_in_a_circle(imported):
    assert circles(imported) == []


def test_every_module_is_in_a_room_of_the_plan_and_every_room_has_modules(imported):
    faces = {"empirical", "figures"}  # packages whose rooms are their folders
    assert {room(name) for name in imported} - faces == {name for rooms in FLOORS for name in rooms}
    assert all(floor(name) >= 0 for rooms in FLOORS for name in rooms)


def test_a_circle_and_an_arrow_up_are_noticed():
    house = {"rmt.a": {"rmt.b"}, "rmt.b": {"rmt.a"}, "empirical.pool.x": {"figures.contract.y", "empirical.system.z"}}
    house |= {"figures.contract.y": set(), "empirical.system.z": {"rmt.a"}}
    assert circles(house) == [["rmt.a", "rmt.b"]]
    assert arrows_up(house) == ["empirical.pool.x -> figures.contract.y", "empirical.system.z -> rmt.a"]


def test_theory_and_laws_and_training_do_not_know_each_other(imported):
    for package in ("rmt", "scaling", "empirical"):
        for name, targets in imported.items():
            if name.split(".")[0] == package:
                assert {target.split(".")[0] for target in targets} <= {package}, name


def test_figures_ask_training_runs_for_their_records_only(imported):
    allowed = {"empirical.runs.result", "empirical.system.errors", "empirical.system.files", "empirical.settings.build"}
    for name, targets in imported.items():
        if name.startswith("figures"):
            assert {target for target in targets if target.startswith("empirical")} <= allowed, name


HEAVY = ("torch", "timm", "diffusers", "matplotlib", "jax", "sklearn", "pyarrow")


@pytest.mark.parametrize(
    "module", ["paper_repro", "cli.listing", "empirical.config", "empirical.runs.result", "scaling"]
)
def test_planning_loads_no_heavy_library(module):
    code = f"import {module}, sys; print([name for name in {HEAVY} if name in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert loaded == "[]\n"
