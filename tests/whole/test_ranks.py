"""A run by two processes, over gloo on the CPU, equals the run by one."""

import fcntl
import json
import time
from dataclasses import asdict

import pytest
import torch
from support.processes import two
from support.runs import setup_of, tiny

from empirical.config import new_learner, world_of
from empirical.diffusion.guidance import EntropyGuide, Unguided
from empirical.diffusion.sampler import Sampler
from empirical.pool import pool as pool_module
from empirical.pool import writer
from empirical.pool.pool import Pool
from empirical.practice import add
from empirical.runs import checkpoint, sharing, state
from empirical.runs import execute as run_module
from empirical.runs.execute import execute
from empirical.runs.folder import run_directory
from empirical.system.errors import InputError
from empirical.system.ranks import ALONE, launched

RUNS = {
    "guided": ("linear", {}),
    "oversampling": ("linear", {"acquire.omega": 0.0, "acquire.ratio": 4}),
    "swaps": ("linear", {"acquire.retire": 0.5, "growth.newest_weight": 2}),
    "forgetting": ("linear", {"growth.memory": 2, "acquire.schedule": (1.0, 2.0)}),
    "filter": ("linear", {"acquire.reject": 0.3, "growth.signal": "synthetic"}),
}
DIGITS = {"training.iterations": 300, "training.batch": 32, "sampling.steps": 8, "sampling.batch": 16,
          "growth.initial": 64, "growth.addition": 48, "growth.evaluate_every": 20}  # fmt: skip
ROUNDS = {"plain": {"acquire.omega": 0.0}, "guided": {"acquire.omega": 0.05},
          "oversampled": {"acquire.omega": 0.0, "acquire.ratio": 3}}  # fmt: skip


def rows_of(pool):
    """List all columns and records of a pool's rounds."""
    return [
        (round_.number, round_.omega, round_.step, round_.retired.tolist(), round_.labels.tolist(),
         round_.seeds.tolist(), round_.indices.tolist(), round_.entropy.tolist(),
         round_.images(torch.arange(len(round_))).tolist(),
         {k: pytest.approx(v) for k, v in vars(round_.cost).items() if not k.endswith("_s")})
        for round_ in pool.rounds
    ]  # fmt: skip


def untrained(run):
    """Make a learner, the same in every process, and its guide."""
    learner = new_learner(run, "cpu")
    return learner, EntropyGuide(learner.logits, run.acquire.omega, "x0") if run.acquire.omega else Unguided()


def two_rounds(run, folder, ranks):
    """Make an initial pool and one addition."""
    learner, guide = untrained(run)
    pool = Pool(folder, world_of(run).shape)
    around = setup_of(run, learner, pool, ranks=ranks)
    add(around, 0, 40, Unguided())
    add(around, 7, 25, guide)
    return pool


class Tired:
    """Draw from the run's sampler, and raise KeyboardInterrupt after some draws."""

    def __init__(self, run, draws):
        self.sampler, self.left = Sampler(world_of(run), run.sampling), draws

    def draw(self, *arguments):
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return self.sampler.draw(*arguments)


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    """Let two processes do all the work of this module; return the folder, and what each of them has recorded."""
    root = tmp_path_factory.mktemp("together")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("empirical.loop.signals.HELD_OUT_IMAGES", 40)
        patch.setattr("empirical.loop.judge.REFERENCE_IMAGES", 40)
        two(lambda ranks, device: do_everything(tiny, root, ranks, device), root)
    seen = [json.loads((root / f"seen_{rank}").read_text()) for rank in range(2)]
    return root, seen


def do_everything(tiny, root, ranks, device):
    seen, written = {"place": [ranks.index, ranks.count, ranks.first, torch.device(device).type]}, []
    mine = torch.arange(3 * ranks.index).view(-1, 1) + 10  # nothing, and three rows
    seen["gathered"] = ranks.gather(mine).tolist()
    seen["kept type"] = str(ranks.gather(torch.ones(1 + ranks.index, dtype=torch.float32)).dtype)
    seen["total"] = ranks.total(ranks.index + 0.5)
    seen["mine"] = list(ranks.mine(5))
    if ranks.index == 1:
        places = {"write_result": (run_module,), "write_signed": (pool_module, sharing), "write_json": (sharing,)}
        places |= {"write_bytes": (sharing, checkpoint), "save_tensors": (checkpoint, state)}
        for name, module in ((name, module) for name, modules in places.items() for module in modules):
            setattr(module, name, lambda path, *_: written.append(str(path)))
    for name, (world, changes) in RUNS.items():
        seen[name] = asdict(execute(tiny(world, **changes), root / name, device, ranks=ranks))
    seen["digits"] = asdict(execute(tiny("digits", **DIGITS), root / "digits", device, ranks=ranks))
    seen["again"] = asdict(execute(tiny("digits", **DIGITS), root / "digits", device, ranks=ranks))
    for name, changes in ROUNDS.items():
        two_rounds(tiny("digits", **changes), root / "rounds" / name, ranks)
    run = tiny("digits", **ROUNDS["guided"])
    learner, _ = untrained(run)
    pool = Pool(root / "interrupted", world_of(run).shape)
    rows = writer.ROWS
    try:
        writer.ROWS = 8
        add(
            setup_of(run, learner, pool, Tired(run, 2 - ranks.index), ranks=ranks),
            0,
            40,
            Unguided(),
        )
    except KeyboardInterrupt:
        seen["interrupted"] = len(pool.rounds)
    finally:
        writer.ROWS = rows
    learner = train(tiny, ranks)
    if ranks.first:
        torch.save(learner.state(), root / "trained.pt")
    seen["refused"] = []
    for changes in ({"growth.addition": 1}, {"growth.initial": 1}):
        try:
            execute(tiny("linear", **changes), root / "refused", device, ranks=ranks)
        except InputError as error:
            seen["refused"].append(str(error))
    try:
        execute(tiny("digits", **{"training.batch": 6}), root / "refused", device, ranks=ranks)
    except InputError as error:
        seen["refused"].append(str(error))
    seen["written"] = written
    (root / f"seen_{ranks.index}").write_text(json.dumps(seen))


def train(tiny, ranks):
    """Train for twenty iterations on images that all processes have, without mixing."""
    run = tiny("digits", **{"training.batch": 16})
    learner = new_learner(run, "cpu")
    if ranks.count > 1:
        learner.distribute(ranks)
    learner.fit(world_of(run).corpus_split(), 0, 20)
    return learner


def test_each_process_knows_its_place_and_what_the_others_have(together):
    _, (first, second) = together
    assert (first["place"], second["place"]) == ([0, 2, True, "cpu"], [1, 2, False, "cpu"])
    assert first["gathered"] == second["gathered"] == [[10], [11], [12]]
    assert first["kept type"] == second["kept type"] == "torch.float32"
    assert first["total"] == second["total"] == 2.0
    assert (first["mine"], second["mine"]) == ([0, 2, 4], [1, 3])
    assert ALONE.gather(torch.ones(2)).tolist() == [1, 1]
    assert (ALONE.total(3), list(ALONE.mine(2)), ALONE.first, ALONE.barrier()) == (3, [0, 1], True, None)
    with launched("cpu") as place:
        assert place == (ALONE, "cpu")


@pytest.mark.parametrize("name", list(RUNS))
def test_a_run_of_the_linear_world_is_the_same_by_two(together, tmp_path, monkeypatch, name):
    """Pool, retired rows, entropies, trajectory, accuracy and cost are equal bit for bit; the files may differ."""
    monkeypatch.setattr("empirical.loop.signals.HELD_OUT_IMAGES", 40)
    monkeypatch.setattr("empirical.loop.judge.REFERENCE_IMAGES", 40)
    root, (first, second) = together
    world, changes = RUNS[name]
    run = tiny(world, **changes)
    alone = execute(run, tmp_path)
    pools = [
        Pool(run_directory(run, r) / "pool", world_of(run).shape, len(alone.pool)) for r in (tmp_path, root / name)
    ]
    assert rows_of(pools[1]) == rows_of(pools[0])
    assert len(list(pools[1].directory.glob("*.parquet"))) > len(list(pools[0].directory.glob("*.parquet")))
    for result in (first[name], second[name]):
        for key in ("accuracy", "alignment", "pool_size", "config"):
            assert result[key] == json.loads(json.dumps(getattr(alone, key)))
        for counted in ("images", "denoiser_calls", "guided_steps", "skipped_steps", "learner_steps"):
            assert result["cost"][counted] == alone.cost[counted]
        assert result["cost"]["sampling_gflop"] == pytest.approx(alone.cost["sampling_gflop"])
        assert [entry["step"] for entry in result["pool"]] == [entry["step"] for entry in alone.pool]
        assert result["trajectory"] == alone.trajectory


@pytest.mark.parametrize("name", list(ROUNDS))
def test_rounds_of_digits_are_the_same_by_two_given_the_same_learner(together, tmp_path, name):
    root, _ = together
    run = tiny("digits", **ROUNDS[name])
    alone = two_rounds(run, tmp_path / "rounds", ALONE)
    pool = Pool(root / "rounds" / name, world_of(run).shape, 2)
    assert rows_of(pool) == rows_of(alone)
    assert len(list(pool.directory.glob("round_0001-*.parquet"))) == 2
    assert (len(pool.rounds[1]), pool.rounds[1].cost.images) == (25, 75 if name == "oversampled" else 25)


def test_a_round_that_two_have_begun_can_be_ended_by_one(together, tmp_path):
    """One process has written two of five batches, the other one: two are left to draw."""
    root, (first, second) = together
    assert first["interrupted"] == second["interrupted"] == 0
    run = tiny("digits", **ROUNDS["guided"])
    learner, guide = untrained(run)
    pool, last = Pool(root / "interrupted", world_of(run).shape), Tired(run, 2)
    assert len(pool.begun()) == 3
    add(setup_of(run, learner, pool, last), 0, 40, Unguided())
    assert last.left == 0
    add(
        setup_of(run, learner, pool),
        7,
        25,
        guide,
    )
    assert rows_of(pool) == rows_of(two_rounds(run, tmp_path / "rounds", ALONE))


def test_two_train_as_one_does_up_to_rounding(together):
    root, _ = together
    alone, shared = train(tiny, ALONE).state(), torch.load(root / "trained.pt", weights_only=True)
    start = new_learner(tiny("digits"), "cpu").state()
    assert alone.keys() == shared.keys()
    for name in alone:
        if name.startswith(("model.", "averaged.")):
            moved = (alone[name] - start[name]).norm()
            assert (alone[name] - shared[name]).norm() < 0.02 * moved, name


def test_two_reach_the_accuracy_of_one_within_noise(together, tmp_path):
    """The accuracies differ by less than .07: 4 standard errors of a difference near .9 on 597 test images."""
    _, (first, second) = together
    run = tiny("digits", **DIGITS)
    alone = execute(run, tmp_path)
    assert alone.accuracy > 0.7
    assert abs(first["digits"]["accuracy"] - alone.accuracy) < 0.07
    assert first["digits"] == first["again"] == second["again"]
    assert first["digits"]["cost"]["images"] == 64 + 48 * (len(first["digits"]["pool"]) - 1)


def test_all_processes_end_with_the_result_that_is_written(together):
    """Both return the written result, seconds included."""
    for seen in together[1]:
        for name in RUNS:
            (path,) = (together[0] / name).rglob("result.json")
            written = json.loads(path.read_text())
            del written["sha256"]
            assert seen[name] == written


def test_one_and_two_share_their_plain_images(together, tmp_path):
    """A run by two finds the plain images that one process has drawn, and the other way round."""
    root, _ = together
    execute(tiny("linear"), tmp_path)
    (alone,), folders = (tmp_path / "linear").glob("plain-*"), (root / "guided" / "linear").glob("plain-*")
    assert [path.name for path in folders] == [alone.name]


def test_what_is_written_once_is_written_by_the_first(together):
    """The second process writes images, nothing else; it holds no lock and keeps no journal."""
    root, (_, second) = together
    assert second["written"] == []
    for name in RUNS:
        (journal,) = (root / name).rglob("journal.jsonl")
        (line,) = journal.read_text().splitlines()
        assert json.loads(line)["ranks"] == 2
        assert len(list((root / name).rglob("result.json"))) == 1


def test_more_processes_than_images_and_uneven_batches_are_refused(together):
    for seen in together[1]:
        for message, images in zip(seen["refused"], (1, 1), strict=False):
            assert message == f"processes: got 2; allowed at most the {images} images of a round; start fewer"
        assert "training.batch: got 6; allowed a multiple of 2 x 2 processes" in seen["refused"][2]
        assert len(seen["refused"]) == 3


def test_two_recover_from_a_damaged_checkpoint_together(tmp_path, undisturbed, monkeypatch):
    """The checkpoint is set aside and reported once; both processes go on from the one before."""
    run = tiny("linear")
    execute(run, tmp_path)
    folder = run_directory(run, tmp_path)
    (folder / "result.json").unlink()
    (folder / "checkpoint.safetensors").write_bytes(b"")
    note = run_module.note

    def slowly(*arguments, **values):  # whatever both do, they do at the same time
        time.sleep(0.5)
        note(*arguments, **values)

    monkeypatch.setattr(run_module, "note", slowly)
    two(lambda ranks, device: execute(run, tmp_path, device, ranks=ranks), tmp_path, seconds=20)
    monkeypatch.undo()
    events = [json.loads(line)["event"] for line in (folder / "journal.jsonl").read_text().splitlines()]
    assert events == ["started", "recovered", "resumed"]
    assert execute(run, tmp_path).accuracy == undisturbed("linear")[0]["accuracy"]


def test_a_second_pair_on_a_run_directory_is_refused_and_ends(tmp_path):
    """The first process gives the reason; the other one does not wait for ever."""
    run = tiny("linear")
    folder = run_directory(run, tmp_path)
    folder.mkdir(parents=True)
    with (folder / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(AssertionError, match="a run directory in use by another process") as caught:
            two(lambda ranks, device: execute(run, tmp_path, device, ranks=ranks), tmp_path, seconds=20)
    assert "did not end" not in str(caught.value)
