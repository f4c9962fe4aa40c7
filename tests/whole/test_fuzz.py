"""Every file that the program parses, with random nodes replaced, removed or added: an answer or a message of the form.

Each example changes a valid file and calls the program in this process. It may accept the file only if a schema written
by hand does; otherwise it ends with 2 and one line of the form, or `verify` with 1 and a failed check. An exception
that leaves `main` fails the test.
"""

import io
import json
import re
import shutil
import tomllib
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.fuzz import JSON, TOML, anything, boolean, changed, integer, like, matches, number, text, toml
from support.runs import folder_of, tiny
from support.small_experiments import FIGURE, in_this_process, write_experiments

import paper_repro
from cli import cluster, recorded
from cli.speeds import speed_settings
from empirical.config import from_dict, to_dict
from empirical.runs.execute import execute
from empirical.scale import workers
from empirical.scale.slurm import Slurm
from empirical.settings.recipes import read
from empirical.settings.values import flat
from empirical.system.files import write_signed
from empirical.worlds import WORLDS

FEW, MANY = 20, 2000  # examples of each kind of file, in the default suite and under the marker `slow`
FORM = re.compile(r"error: .+: got .+; allowed .+; .+\n")
RUN = json.loads(json.dumps(to_dict(tiny("linear", growth__additions=1))))
FLAT = flat(RUN)

# The shapes of the files


def speed(value):
    return number(value) and value > 0


def seconds(value):
    return number(value) and value >= 0


def seeds(value):
    return integer(value) and 2 <= value <= 10_000


def dotted(table):
    """Tell whether a table has dotted settings of a run, each of its type."""
    return isinstance(table, dict) and all(
        key in FLAT and matches(item, like(FLAT[key])) for key, item in table.items()
    )


def agrees(config):
    """Tell whether a configuration has the values of the run where it has values; defaults may be left out."""
    return matches(config, like(RUN)) and all(item == FLAT.get(key) for key, item in flat(config).items())


def series(table):
    """Tell whether a table describes a series of the small figure."""
    keys = {"panel!": text, "name!": text, "world!": text, "vary!": text, "set": dotted, "common": boolean}
    keys |= {"examine": text, "values!": ([number], {"default": [number], "quick": [number]})}
    if not matches(table, keys):
        return False
    by_preset = table["values"] if isinstance(table["values"], dict) else {"quick": table["values"]}
    lists = [by_preset.get(preset, []) for preset in ("default", "quick")]
    return (
        table["panel"] in ("linear", "digits", "glyphs")
        and table["world"] in WORLDS
        and any(lists)
        and all(len(set(items)) == len(items) for items in lists)
        and all(dotted({table["vary"]: item}) for item in lists[-1])  # of the preset "quick"
        and table.get("examine", "") in ("", "hindsight", "fidelity")
    )


PRESET = {"seeds": dict.fromkeys(WORLDS, seeds), "paper": boolean}
FIGURE_FILE = {
    "paper": boolean,
    "compute_s!": {"quick!": seconds, "default": seconds},
    "presets!": {"quick!": PRESET, "default": PRESET},
    "common": dict.fromkeys(WORLDS, dotted),
    "series": [series],
}
SPEEDS = {key: {"*": speed} for key in ("images", "iterations", "evaluations")}
SPEEDS |= dict.fromkeys(("device", "machine", "date"), text)
GENERATOR = {"presets": {"*": {"set": {"*": anything}, "*": anything}}, "*": anything}
MANIFEST = {
    "versions!": {"*": text},
    "hardware!": {**dict.fromkeys(("machine!", "system!", "device!", "device_name!"), text), "cores!": like(None)},
    **dict.fromkeys(("git_revision!", "started!", "identity", "sha256"), text),
    "arithmetic": {"*": anything},
}
START = {**dict.fromkeys(("time!", "event!", "host!", "damage"), text), "pid!": integer, "step!": integer}
START |= dict.fromkeys(("device", "device_name"), text)
START |= {"ranks": integer}

# The files and the calls that read them


@dataclass
class Kind:
    """A kind of file: a valid value, its schema, its place, and the calls that read it with their codes if valid."""

    valid: Any
    schema: Any
    path: Path
    calls: list[tuple[list[Any], set[int]]]
    write: Callable[[Path, Any], None]


def write_toml(path, value):
    path.write_text(toml(value))


def write_json(path, value):
    path.write_text(json.dumps(value, indent=None if path.suffix == ".jsonl" else 1) + "\n")


def sign(path, value):
    """Write JSON with the digest that it should have, where it can have one."""
    write_json(path, value)
    with suppress(FloatingPointError, AttributeError):  # numbers that are not finite, and values that are no table
        write_signed(path, {key: item for key, item in value.items() if key != "sha256"})


class Interrupted(cluster.Cluster):
    """A cluster whose user presses Ctrl-C before the first job is submitted."""

    def __init__(self, *_):
        pass

    def finish(self, *_):
        raise KeyboardInterrupt

    def alive(self):
        return []


def quietly(arguments):
    """Call the program; return its code and what it prints to stdout and stderr."""
    with redirect_stdout(io.StringIO()) as printed, redirect_stderr(io.StringIO()) as complained:
        code = paper_repro.main([str(argument) for argument in arguments])
    return code, printed.getvalue(), complained.getvalue()


@pytest.fixture(scope="module")
def kinds(tmp_path_factory):
    """A finished run, a finished figure, and a valid file of every kind."""
    folder = tmp_path_factory.mktemp("fuzz")
    small, out, empty = write_experiments(folder / "experiments"), folder / "out", folder / "empty"
    figure = {**tomllib.loads(FIGURE), "common": {"linear": {"growth.patience": 1}}}
    figure["series"][0] |= {"values": {"default": [16], "quick": [16, 32]}, "examine": "hindsight", "common": True}
    write_toml(small / "fig4.toml", figure)
    world = read(small / "worlds" / "linear.toml")
    generator = {"iterations": 8, "presets": {"quick": {"set": {"growth.initial": 8}}}}
    recipe = {**RUN, "throughput": world.throughput, "generator": generator}
    measured = {"throughput": {**world.throughput, "device": "one core", "date": "2026"}}
    measured["settings"] = speed_settings(from_dict(world.run))
    (out / "throughput").mkdir(parents=True)
    run = tiny("linear", growth__additions=1)
    execute(run, out / "runs")
    finished, made = folder_of(run, out / "runs"), folder / "figure" / "fig4" / "fig4.json"
    stored = {name: json.loads((finished / f"{name}.json").read_text()) for name in ("config", "manifest", "result")}
    start = json.loads((finished / "journal.jsonl").read_text())
    verify, pool = (["verify", finished, "--out", out], {0}), (["pool", finished, "--out", out], {0, 1})
    plan = ["fig4", "--preset", "quick", "--experiments", small, "--out"]
    dry_run = ["--dry-run", "--out", empty]
    slurm = {"slurm": asdict(Slurm()) | {"setup": []}}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workers, "sweep", in_this_process)
        patch.setattr(cluster, "Cluster", Interrupted)
        assert quietly([*plan, made.parents[1]])[0] == 0
        pictured = json.loads(made.read_text())
        result = {**dict.fromkeys(stored["result"], anything), "config!": agrees}
        signed = {**MANIFEST, "sha256": anything}  # is written anew
        yield {
            name: Kind(*parts)
            for name, parts in {
                "figure": (figure, FIGURE_FILE, small / "fig4.toml", [([*plan, empty, "--dry-run"], {0})], write_toml),
                "recipe": (
                    recipe,
                    {**like(RUN), "throughput": SPEEDS, "generator": GENERATOR},
                    folder / "recipe.toml",
                    [(["run", folder / "recipe.toml", *dry_run], {0})],
                    write_toml,
                ),
                "slurm": (
                    slurm,
                    {"slurm!": {**like(slurm["slurm"]), "setup": [text]}},
                    folder / "slurm.toml",
                    [([*plan, empty, "--slurm", folder / "slurm.toml"], {130})],
                    write_toml,
                ),
                "throughput": (
                    measured,
                    {"throughput!": SPEEDS, "settings!": {"*": anything}},
                    out / "throughput" / "a.toml",
                    [(["run", small / "worlds" / "linear.toml", "--dry-run", "--out", out], {0})],
                    write_toml,
                ),
                "configuration": (RUN, like(RUN), finished / "config.json", [verify, pool], write_json),
                "manifest": (stored["manifest"], MANIFEST, finished / "manifest.json", [verify], write_json),
                "signed manifest": (stored["manifest"], signed, finished / "manifest.json", [verify], sign),
                "manifest of a pool": (stored["manifest"], anything, finished / "manifest.json", [pool], write_json),
                "result": (stored["result"], stored["result"].__eq__, finished / "result.json", [verify], write_json),
                "signed result": (stored["result"], result, finished / "result.json", [verify], sign),
                "journal": (start, START, finished / "journal.jsonl", [verify], write_json),
                "figure manifest": (pictured, pictured.__eq__, made, [(["verify", made.parent], {0})], write_json),
                "signed figure manifest": (
                    pictured,
                    dict.fromkeys(pictured, anything),
                    made,
                    [(["verify", made.parent], {0})],
                    sign,
                ),
            }.items()
        }


def check(kind, value):
    """Write a changed file, call the program, and compare its answer with the schema."""
    kind.write(kind.path, value)
    for arguments, accepted in kind.calls:
        code, printed, message = quietly(arguments)
        if code in accepted:
            assert matches(value, kind.schema), f"accepted: {value}"
            assert not re.search(r"\bnan\b|\binf\b", printed)
        elif (code, arguments[0]) == (1, "verify"):
            assert "OFF " in printed
            assert message == ""
        else:
            assert code == 2
            assert FORM.fullmatch(message), message


def examples(count):
    """Return the settings of hypothesis for so many examples, the same ones every time."""
    checks = list(HealthCheck)
    return settings(max_examples=count, derandomize=True, database=None, deadline=None, suppress_health_check=checks)


NAMED = ("figure", "recipe", "slurm", "throughput", "configuration", "manifest", "signed manifest")
NAMED += ("manifest of a pool", "result", "signed result", "journal", "figure manifest", "signed figure manifest")
COUNTS = pytest.mark.parametrize("count", [FEW, pytest.param(MANY, marks=pytest.mark.slow)])


@COUNTS
@pytest.mark.parametrize("name", NAMED)
def test_a_changed_file_is_valid_or_refused(kinds, name, count):
    kind = kinds[name]
    assert matches(kind.valid, kind.schema)
    kind.write(kind.path, kind.valid)
    for arguments, accepted in kind.calls:
        assert quietly(arguments)[0] in accepted

    @examples(count)
    @given(changed(kind.valid, TOML if kind.path.suffix == ".toml" else JSON))
    def changes(value):
        check(kind, value)

    try:
        changes()
    finally:
        kind.write(kind.path, kind.valid)


@COUNTS
def test_run_folders_of_any_contents_are_looked_through(kinds, tmp_path, count):
    """As a table does that has lines for the reader's own runs."""
    folder, table = tmp_path / "runs" / "linear" / "a", tmp_path / "table2.toml"
    shutil.copytree(kinds["configuration"].path.parent, folder)
    write_toml(table, {"lines": {"one": {}}, **kinds["recipe"].valid})
    assert len(recorded.find(["table2"], tmp_path, tmp_path / "runs").records) == 1

    @examples(count)
    @given(changed(RUN, JSON), changed(kinds["manifest"].valid, JSON), st.booleans())
    def changes(config, manifest, signed):
        write_json(folder / "config.json", config)
        (sign if signed else write_json)(folder / "manifest.json", manifest)
        with redirect_stderr(io.StringIO()) as complained:
            records = recorded.find(["table2"], tmp_path, tmp_path / "runs").records
        assert not records or (matches(config, like(RUN)) and matches(manifest, MANIFEST))
        assert complained.getvalue().count("\n") <= 1

    changes()
