"""`check_run` on forged files: whatever their shape, and where digests were put right, it names them and goes on."""

import json
import shutil

import pytest
import torch
from support.forgery import rewrite
from support.runs import folder_of, tiny

from empirical.config import world_of
from empirical.review.checks import SEVERAL
from empirical.review.examine import examine
from empirical.review.remake import open_pool, remake
from empirical.review.verify import check_run
from empirical.runs.execute import execute
from empirical.runs.manifest import note, read_journal
from empirical.system.files import text_digest, write_signed
from empirical.system.tensors import load_tensors, save_tensors


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder of a finished and examined run of the linear world."""
    run, root = tiny("linear"), tmp_path_factory.mktemp("finished")
    execute(run, root)
    examine("hindsight", run, root)
    return folder_of(run, root)


@pytest.fixture
def folder(finished, tmp_path):
    """A copy to damage."""
    return shutil.copytree(finished, tmp_path / finished.parent.name / finished.name)


def off(folder, *, thorough=False):
    """Names of the checks that fail, of those that are made."""
    return [check.name for check in check_run(folder, thorough=thorough) if not check.ok]


def messages(folder):
    return {check.name: check.message for check in check_run(folder, thorough=False)}


def sign_metrics(folder, change):
    """Change the events of the metrics; the checkpoint's digest is put right."""
    events = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    change(events)
    lines = [json.dumps(event) for event in events]
    (folder / "metrics.jsonl").write_text("".join(line + "\n" for line in lines))
    path = folder / "checkpoint.safetensors"
    tensors, values = load_tensors(path, "")
    save_tensors(path, tensors, {**values, "lines_sha256": text_digest("\n".join(lines))})


def moved(folder, devices):
    """Forge the manifest and the journal as if a run had been started, then resumed, on these devices."""
    path = folder / "manifest.json"
    values = json.loads(path.read_text())
    del values["sha256"]
    place = {"device": devices[0], "device_name": "NVIDIA H200" if devices[0] != "cpu" else ""}
    write_signed(path, {**values, "hardware": {**values["hardware"], **place}})
    (folder / "journal.jsonl").unlink()
    for device in devices:
        note(folder, "started", step=0, device=device, device_name="NVIDIA H200" if device != "cpu" else "")


@pytest.mark.parametrize(
    ("devices", "needs", "message"),
    [
        (["cuda:1"], "cuda", "not checked: made on cuda (NVIDIA H200), and cpu rounds otherwise"),
        (["cuda:0", "cpu"], SEVERAL, "not checked: made on cuda and cpu, so no one device repeats it"),
        (["cpu", "cpu"], "", "made again, bit for bit"),
    ],
)
def test_a_run_made_on_another_device_does_not_fail(folder, devices, needs, message):
    """Skip the comparison of bits, name the device that it needs, and make every check that only reads files."""
    moved(folder, devices)
    made = {check.name: check for check in check_run(folder)}
    assert all(check.ok for check in made.values())
    assert {name for name, check in made.items() if check.needs} == ({"accuracy", "images"} if needs else set())
    assert {made[name].needs for name in ("accuracy", "images")} == {needs}
    assert message in made["images"].message


def test_rows_are_made_again_at_their_place_in_the_batch(tmp_path, monkeypatch):
    """On a GPU the last digits may depend on that place; here a level is added for every place after the first."""
    world = type(world_of(tiny("digits")))
    finish = world.finish

    def placed(self, x):
        return finish(self, finish(self, x) + torch.arange(len(x)).view(-1, 1, 1, 1) * 2 / 255 * (x < 0))

    monkeypatch.setattr(world, "finish", placed)
    run = tiny("digits", growth__initial=13, growth__addition=11)  # the last batches, of 8, are not full
    execute(run, tmp_path)
    pool = open_pool(run, folder_of(run, tmp_path))
    assert all(row.same for row in remake(run, folder_of(run, tmp_path), pool, [0, 7, 9, 12, 13, 20, 22, 23, 24, 34]))


def test_an_intact_run_passes_and_says_what_is_only_signed(folder):
    assert off(folder) == []
    text = messages(folder)
    assert text["trajectory"].endswith("losses: signed, not checked")
    assert text["manifest"].endswith(": signed, not checked")
    assert "GFLOP of guided images, skipped steps and CPU seconds: signed, not checked" in text["growth"]


SHAPES = [[], 3, None, {}, "text", [{}], {"versions": 3, "hardware": []}]


@pytest.mark.parametrize("values", SHAPES)
@pytest.mark.parametrize(
    ("name", "check"), [("manifest.json", "manifest"), ("result.json", "result"), ("hindsight.json", "examinations")]
)
def test_a_file_of_any_shape_is_named_and_the_other_checks_are_made(folder, name, check, values):
    path = folder / name
    if isinstance(values, dict):
        write_signed(path, values)
    else:
        path.write_text(json.dumps(values))
    assert off(folder) == [check]


@pytest.mark.parametrize("values", [*SHAPES, {"world": 3}, {"world": {"name": "mars"}}])
def test_a_configuration_of_any_shape_is_named(folder, values):
    (folder / "config.json").write_text(json.dumps(values))
    assert off(folder) == ["configuration"]


def test_a_manifest_of_any_shape_leaves_the_thorough_checks(folder):
    (folder / "manifest.json").write_text("[]")
    assert off(folder, thorough=True) == ["manifest"]


@pytest.mark.parametrize(
    ("name", "change", "check"),
    [
        ("result.json", {"invented": lambda _: 1}, "result"),
        ("result.json", {"trajectory__invented": lambda _: [1]}, "trajectory"),
        ("result.json", {"cost__invented": lambda _: 1}, "pool and cost"),
        ("result.json", {"config__growth__invented": lambda _: 1}, "result"),
        ("manifest.json", {"invented": lambda _: 1}, "manifest"),
        ("manifest.json", {"hardware__invented": lambda _: 1}, "manifest"),
        ("manifest.json", {"started": lambda _: "yesterday"}, "manifest"),
        ("manifest.json", {"identity": lambda _: "0" * 64}, "manifest"),
        ("result.json", {"identity": lambda _: "0" * 64}, "result"),
        ("hindsight.json", {"invented": lambda _: 1}, "examinations"),
        ("hindsight.json", {"step": lambda _: "text"}, "examinations"),
        ("hindsight.json", {"rounds__0__invented": lambda _: 1}, "examinations"),
        ("pool/round_0001.json", {"invented": lambda _: 1}, "pool files"),
        ("pool/round_0001.json", {"cost__invented": lambda _: 1}, "pool files"),
        ("pool/round_0001.json", {"round": lambda _: 2}, "pool files"),
        ("config.json", {"invented": lambda _: 1}, "configuration"),
        ("config.json", {"growth__invented": lambda _: 1}, "configuration"),
    ],
)
def test_invented_entries_are_named_although_they_are_signed(folder, name, change, check):
    rewrite(folder / name, **change)
    assert off(folder) == [check]


def test_a_changed_manifest_does_not_match_its_digest(folder):
    path = folder / "manifest.json"
    path.write_text(path.read_text().replace('"torch": "', '"torch": "9'))
    assert off(folder) == ["manifest"]
    assert "contents that do not match their digest" in messages(folder)["manifest"]


def test_files_written_before_digests_and_identities_pass(folder):
    rewrite(folder / "result.json", identity=lambda _: "")
    path = folder / "manifest.json"
    values = json.loads(path.read_text())
    path.write_text(json.dumps({key: value for key, value in values.items() if key not in ("sha256", "identity")}))
    assert off(folder) == []
    assert messages(folder)["manifest"].endswith(": not signed, not checked")


@pytest.mark.parametrize(
    "text",
    ["", "damage\n", "[]\n", '{"time": "2026-01-31T12:00:00Z"}\n', None],
)
def test_a_damaged_journal_is_named(folder, text):
    path = folder / "journal.jsonl"
    line = json.loads(path.read_text().splitlines()[0])
    other = json.dumps({**line, "event": "dreamt"}) + "\n" if text is None else text
    path.write_text(other if text == "" else path.read_text() + other)
    assert off(folder) == ["journal"]


def test_notes_are_lines_of_the_journal(tmp_path):
    note(tmp_path, "started", step=0, ranks=2)
    note(tmp_path, "recovered", step=4, damage="a byte")
    assert [(s.event, s.step, s.ranks, s.damage) for s in read_journal(tmp_path)] == [
        ("started", 0, 2, ""), ("recovered", 4, 1, "a byte"),
    ]  # fmt: skip


def test_another_alignment_is_named(folder):
    """It can be computed again from the stored learner; nothing else shows that it was changed."""
    rewrite(folder / "result.json", alignment=lambda a: a + 1e-6)
    assert off(folder, thorough=True) == ["accuracy"]
    assert off(folder) == []


@pytest.mark.parametrize(
    ("change", "checks"),
    [
        ({"step": lambda s: s + 1}, ["rounds"]),
        ({"cost__sampling_gflop": lambda g: g + 1.0}, ["rounds"]),
        ({"cost__denoiser_calls": lambda n: n - 1}, ["growth"]),
        ({"cost__guided_steps": lambda n: n - 1}, ["growth"]),
        ({"cost__skipped_steps": lambda _: -1}, ["growth", "pool and cost"]),
        ({"cost__learner_steps": lambda _: 1}, ["growth"]),
    ],
)
def test_other_costs_and_steps_of_a_round_are_named(folder, change, checks):
    """The result's lines are put right, too."""
    rewrite(folder / "pool" / "round_0002.json", **change)
    if checks == ["rounds"]:
        record, path = json.loads((folder / "pool" / "round_0002.json").read_text()), folder / "result.json"
        rounds = [json.loads(p.read_text())["cost"]["sampling_gflop"] for p in sorted((folder / "pool").glob("*.json"))]
        rewrite(path, pool__2__step=lambda _: record["step"], pool__2__gflop=lambda _: rounds[2])
        rewrite(path, cost__sampling_gflop=lambda _: sum(rounds))
    assert off(folder) == checks


def test_a_step_forged_in_all_records_contradicts_the_patience_rule(folder):
    rewrite(folder / "pool" / "round_0002.json", step=lambda s: s + 1)
    rewrite(folder / "result.json", pool__2__step=lambda s: s + 1)

    def forge(events):
        next(event for event in events if event.get("round") == 2)["step"] += 1

    sign_metrics(folder, forge)
    assert "rounds" in off(folder)
    assert "step of an addition" in messages(folder)["rounds"]


def test_a_forged_signal_contradicts_the_additions(folder):
    def forge(events):
        best = 2.0  # a signal that improves at every evaluation lets the run wait for ever
        for event in events:
            if event["event"] == "evaluated":
                event["signal"] = best = best + 1

    sign_metrics(folder, forge)
    rewrite(folder / "result.json", trajectory__signal=lambda values: [3.0 + i for i in range(len(values))])
    assert off(folder) == ["rounds"]
    assert "data added at iteration" in messages(folder)["rounds"]


def test_forged_gflop_in_all_records_is_named_where_images_are_made_again(folder):
    for path in sorted((folder / "pool").glob("*.json")):
        rewrite(path, cost__sampling_gflop=lambda g: g + 1.0)

    def forge(events):
        for event in events:
            if event["event"] == "added":
                event["gflop"] += 1.0

    sign_metrics(folder, forge)
    rounds = [json.loads(p.read_text())["cost"]["sampling_gflop"] for p in sorted((folder / "pool").glob("*.json"))]
    rewrite(folder / "result.json", cost__sampling_gflop=lambda _: sum(rounds))
    for number, gflop in enumerate(rounds):
        rewrite(folder / "result.json", **{f"pool__{number}__gflop": lambda _, gflop=gflop: gflop})
    assert off(folder) == []
    assert off(folder, thorough=True) == ["images"]


@pytest.mark.parametrize(
    "change",
    [
        lambda events: events.append({"event": "dreamt"}),
        lambda events: events.append([]),
        lambda events: events[0].update(pool=99),
        lambda events: events.remove(next(event for event in events if event["event"] == "added")),
    ],
)
def test_forged_events_are_named(folder, change):
    sign_metrics(folder, change)
    assert set(off(folder)) & {"checkpoint", "rounds"}


def test_consistently_forged_losses_pass_and_it_is_said_that_they_are_not_checked(folder):
    def forge(events):
        for event in events:
            if event["event"] == "evaluated":
                event["loss"] /= 2

    sign_metrics(folder, forge)
    rewrite(folder / "result.json", trajectory__loss=lambda losses: [loss / 2 for loss in losses])
    assert off(folder) == []
    assert "losses: signed, not checked" in messages(folder)["trajectory"]
