"""Test examinations: hindsight against a direct recomputation, fidelity against known strengths of guidance."""

import pytest
import torch
from support.errors import complains
from support.processes import in_child
from support.runs import folder_of, tiny

from empirical.config import new_learner, world_of
from empirical.data.split import Split
from empirical.learning.evaluate import correct, nearest
from empirical.learning.network_learner import NetworkLearner
from empirical.pool.pool import Pool
from empirical.review.examine import EXAMINATIONS, examination_path, examine
from empirical.runs.checkpoint import read_checkpoint
from empirical.runs.execute import execute
from empirical.runs.result import read_result
from empirical.system.tensors import load_tensors

VARIANTS = [
    ("linear", {}),
    ("linear", {"acquire.omega": 0.0, "acquire.ratio": 3}),
    ("linear", {"acquire.retire": 1.0}),
    ("digits", {}),
    ("digits", {"acquire.retire": 0.5, "growth.newest_weight": 2, "growth.signal": "agreement"}),
    ("digits", {"acquire.omega": 0.0, "acquire.ratio": 2, "training.schedule": "cosine"}),
]


@pytest.fixture(autouse=True)
def _few_images(monkeypatch):
    monkeypatch.setattr("empirical.loop.signals.HELD_OUT_IMAGES", 32)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Return a finished run and its root, by variant; each is made once, without its examination."""
    made = {}

    def get(world, changes):
        key = (world, *sorted(changes.items()))
        if key not in made:
            made[key] = tiny(world, **changes), tmp_path_factory.mktemp("finished")
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("empirical.loop.signals.HELD_OUT_IMAGES", 32)
                execute(*made[key])
        return made[key]

    return get


def retrained(run, folder):
    """Yield the learner at every evaluation and addition, trained from the pool and the steps of the result alone."""
    result = read_result(folder / "result.json")
    steps, rounds = result.trajectory["step"], result.pool
    learner, at = new_learner(run, "cpu"), 0
    for stop in [0, *steps]:
        there = sum(entry["step"] <= at for entry in rounds)  # rounds in use while training from `at` to `stop`
        if stop:
            pool = Pool(folder / "pool", world_of(run).shape, there, newest_weight=run.growth.newest_weight)
            learner.fit(pool, at, stop)
        yield stop, learner
        at = stop


@pytest.mark.parametrize(("world", "changes"), VARIANTS)
def test_hindsight_is_what_a_direct_recomputation_gives(finished, world, changes):
    """Errors agree of every round at every evaluation, also before it was made, and of rows misclassified at first."""
    run, root = finished(world, changes)
    result = execute(run, root)
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    answer = examine("hindsight", run, root)
    assert answer["step"] == result.trajectory["step"]
    folder = folder_of(run, root)
    whole = Pool(folder / "pool", world_of(run).shape, len(result.pool))
    assert len(whole.rounds) > 1
    wrong, added = [[] for _ in whole.rounds], [None] * len(whole.rounds)
    for step, learner in retrained(run, folder):
        for number, round_ in enumerate(whole.rounds):
            missed = ~correct(learner, Split(round_.images(torch.arange(len(round_))), round_.labels))
            if step:
                wrong[number].append(missed)
            if step == round_.step:
                added[number] = missed
    for number, entry in enumerate(answer["rounds"]):
        assert (entry["round"], entry["added_at"]) == (number, result.pool[number]["step"])
        assert (entry["rows"], entry["misclassified"]) == (len(added[number]), int(added[number].sum()))
        table = torch.stack(wrong[number]).double()
        assert entry["error"] == pytest.approx(table.mean(1).tolist(), abs=1e-12)
        among = table[:, added[number]].mean(1).tolist() if added[number].any() else []
        assert entry["error_misclassified"] == pytest.approx(among, abs=1e-12)
    after = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    assert after.keys() - before.keys() == {examination_path("hindsight", run, root)}
    assert {path: after[path] for path in before} == before  # the run itself is left as it was


@pytest.mark.parametrize(("world", "changes"), VARIANTS)
def test_the_replay_ends_with_the_run_s_own_learner(finished, monkeypatch, world, changes):
    """The replayed learner equals the checkpoint bit for bit, so hindsight describes the run itself."""
    (run, root), replayed = finished(world, changes), []
    make = type(world_of(run)).learner
    monkeypatch.setattr(type(world_of(run)), "learner", lambda *a: replayed.append(make(*a)) or replayed[-1])
    EXAMINATIONS["hindsight"](run, root, "cpu")
    (learner,) = replayed
    expected = read_checkpoint(folder_of(run, root))[0]
    state = learner.state()
    assert state.keys() == expected.keys()
    assert all(torch.equal(state[name], expected[name]) for name in expected)


def test_a_replay_with_other_last_digits_describes_the_same_rounds_and_writes_nothing(finished, monkeypatch):
    """Add noise of .05 to the weights after every block, as if on another device: plateaus would come elsewhere."""
    run, root = finished("digits", {})
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    exact, fit = EXAMINATIONS["hindsight"](run, root, "cpu"), NetworkLearner.fit

    def disturbed(self, data, start, stop):
        loss = fit(self, data, start, stop)
        with torch.no_grad():
            for weight in self.model.parameters():
                weight += 0.05 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(stop))
        return loss

    monkeypatch.setattr(NetworkLearner, "fit", disturbed)
    answer = EXAMINATIONS["hindsight"](run, root, "cpu")
    assert answer["step"] == exact["step"]
    shape = ("round", "added_at", "rows")
    assert [[r[key] for key in shape] for r in answer["rounds"]] == [[r[key] for key in shape] for r in exact["rounds"]]
    assert answer != exact  # the disturbance is seen
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before


def test_a_static_run_has_hindsight_of_its_one_round(tmp_path):
    run = tiny("digits", **{"growth.additions": 0})
    execute(run, tmp_path)
    (entry,) = examine("hindsight", run, tmp_path)["rounds"]
    assert (entry["rows"], entry["added_at"], len(entry["error"])) == (12, 0, 12)
    assert entry["misclassified"] > 6  # the learner had seen nothing yet


def test_a_round_that_was_all_right_has_no_errors_among_the_misclassified(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "empirical.review.examine.correct", lambda _, split: torch.ones(len(split.labels), dtype=torch.bool)
    )
    run = tiny("linear")
    execute(run, tmp_path)
    for entry in examine("hindsight", run, tmp_path)["rounds"]:
        assert (entry["misclassified"], entry["error_misclassified"], set(entry["error"])) == (0, [], {0.0})


@pytest.fixture(scope="module")
def guided(tmp_path_factory):
    """Make digits without and with violent guidance, and examine the fidelity of both."""
    root = tmp_path_factory.mktemp("fidelity")

    def made(omega):
        run = tiny("digits", **{"acquire.omega": omega, "growth.additions": 1, "growth.add_at": 20,
                                "growth.initial": 64, "growth.addition": 64, "training.iterations": 100,
                                "training.batch": 32, "sampling.steps": 8, "sampling.batch": 32})  # fmt: skip
        execute(run, root)
        return run, examine("fidelity", run, root)

    return {omega: made(omega) for omega in (0.0, 0.5)}, root


def test_fidelity_is_high_for_plain_images_and_low_for_violently_guided_ones(guided):
    answer = {omega: values for omega, (_, values) in guided[0].items()}
    for omega, values in answer.items():
        assert [(entry["round"], entry["omega"], entry["rows"]) for entry in values["rounds"]] == [
            (0, 0.0, 64),
            (1, omega, 64),
        ]
        assert all(0 <= entry[name] <= 1 for entry in values["rounds"] for name in ("agreement", "far"))
        assert values["real"]["agreement"] > 0.6  # the reference is worth asking
    plain, violent = answer[0.0]["rounds"][1], answer[0.5]["rounds"][1]
    assert answer[0.0]["rounds"][0] == answer[0.5]["rounds"][0]  # the common beginning
    assert violent["agreement"] < plain["agreement"] - 0.2
    assert violent["distance"] > 1.2 * plain["distance"]
    assert violent["far"] > plain["far"] + 0.2


def test_fidelity_measures_distances_as_it_says(guided):
    """Full tables of distances give the same median distance to the corpus, and the same share of far images."""
    (run, values), root = guided[0][0.5], guided[1]
    corpus, held_out = (
        world_of(run).corpus_split().images.flatten(1),
        world_of(run).validation_split(0).images.flatten(1),
    )
    pool = Pool(examination_path("fidelity", run, root).parent / "pool", world_of(run).shape, 2)

    def nearest(images):
        return (images.unsqueeze(1) - corpus).square().sum(-1).sqrt().min(1).values.double()

    own = (corpus.unsqueeze(1) - corpus).square().sum(-1).sqrt()
    unit = own.fill_diagonal_(torch.inf).min(1).values.double().median()
    limit = nearest(held_out).quantile(0.99)
    for entry, round_ in zip(values["rounds"], pool.rounds, strict=True):
        distance = nearest(round_.images(torch.arange(64)).flatten(1))
        assert entry["distance"] == pytest.approx((distance.median() / unit).item(), rel=1e-4)
        assert entry["far"] == pytest.approx((distance > limit).double().mean().item(), abs=1 / 64 + 1e-9)


def test_nearest_neighbours_leave_an_image_itself_out_in_every_block():
    images = torch.randn(2100, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    table = torch.cdist(images, images, compute_mode="donot_use_mm_for_euclid_dist").fill_diagonal_(torch.inf)
    assert torch.allclose(nearest(images, images, among_themselves=True), table.min(1).values, atol=1e-6)
    assert nearest(images, images).max() < 1e-6


def test_an_examination_is_made_once_and_damage_is_refused(guided, monkeypatch):
    (run, values), root = guided[0][0.0], guided[1]
    monkeypatch.setitem(EXAMINATIONS, "fidelity", lambda *_: pytest.fail("made again"))
    assert examine("fidelity", run, root) == values
    path = examination_path("fidelity", run, root)
    whole = path.read_bytes()
    try:
        for damaged in (whole[:-30], whole.replace(b'"rows": 64', b'"rows": 65', 1), b""):
            path.write_bytes(damaged)
            with complains(path) as caught:
                examine("fidelity", run, root)
            assert str(caught.value).endswith(f"delete {path} and rerun")
    finally:
        path.write_bytes(whole)


def test_what_is_not_asked_rightly_is_refused(tmp_path):
    """An unknown question is refused, and any question to an unfinished run, whose pool stays untouched."""
    run = tiny("linear")
    with complains("examine"):
        examine("foresight", run, tmp_path)

    def stops():
        execute(run, tmp_path, observe=lambda event: event.values["stop"] if event.kind == "added" else None)

    assert in_child(stops) == 1
    folder = folder_of(run, tmp_path)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert len(Pool(folder / "pool", world_of(run).shape, 2)) == 40
    load_tensors(folder / "checkpoint.safetensors", "")
    for kind in EXAMINATIONS:
        with complains(folder):
            examine(kind, run, tmp_path)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
