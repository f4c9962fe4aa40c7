"""Test series of runs: expanded, grouped by their beginnings, spread over processes."""

import multiprocessing
import pickle
import signal

import pytest
from support.errors import complains
from support.places import EXPERIMENTS
from support.runs import cases_of, folder_of, outcome, tiny

from empirical.review.examine import examination_path, examine
from empirical.runs.execute import execute
from empirical.runs.folder import prefix_name, run_name
from empirical.runs.result import Record
from empirical.scale import sweep, workers
from empirical.scale.series import expand, recipe, series_of
from empirical.system.errors import InputError

SERIES = {"panel": "p", "name": "s", "world": "linear", "vary": "growth.additions", "values": [1, 3]}


def cases_in(series, preset="default", seeds=2, **overrides):
    """Plan series of the linear world and of digits, at so many seeds."""
    recipes = {world: recipe(EXPERIMENTS, world) for world in ("linear", "digits")}
    tables = {"series": series}
    return sweep.plan(expand("f", series_of("f", tables), recipes, preset, dict.fromkeys(recipes, seeds), overrides))


def test_series_expand_to_every_value_and_seed():
    cases = cases_in([{**SERIES, "set": {"acquire.omega": 0.0}}])
    assert [(c.panel, c.series, c.value, c.run.growth.additions, c.run.seed) for c in cases] == [
        ("p", "s", value, value, seed) for value in (1, 3) for seed in (0, 1)
    ]
    assert {c.run.acquire.omega for c in cases} == {0.0}
    assert {c.examine for c in cases} == {""}
    assert {c.examine for c in cases_in([{**SERIES, "examine": "hindsight"}])} == {"hindsight"}


def test_a_series_may_have_seeds_of_its_own():
    cases = cases_in([{**SERIES, "seeds": [103, 101]}, {**SERIES, "name": "t"}])
    assert [(c.series, c.value, c.run.seed) for c in cases] == [
        (name, value, seed) for name, seeds in (("s", (103, 101)), ("t", (0, 1))) for value in (1, 3) for seed in seeds
    ]


def test_values_per_preset_and_overrides_per_world():
    series = [{**SERIES, "values": {"default": [1, 2, 3], "quick": [2]}}]
    assert [c.value for c in cases_in(series, "quick", seeds=1, linear={"sampling.steps": 7})] == [2]
    assert {c.run.sampling.steps for c in cases_in(series, linear={"sampling.steps": 7})} == {7}
    assert {c.run.sampling.steps for c in cases_in(series, digits={"sampling.steps": 7})} == {100}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"colour": "red"}, "series"),
        ({"values": {"quick": [1]}}, "values"),
        ({"world": "moons"}, "world"),
        ({"vary": "growth.number"}, "growth.number"),
        ({"vary": "world.name.first"}, "world.name.first"),
        ({"set": {"acquire.omega": -1.0}}, "acquire.omega"),
        ({"examine": "foresight"}, "examine"),
        ({"seeds": []}, "seeds"),
        ({"seeds": [7]}, "seeds"),
        ({"seeds": [7, 7]}, "seeds"),
        ({"seeds": [-1, 7]}, "seed"),
        ({"seeds": 2}, "seeds"),
    ],
)
def test_bad_series_are_refused(change, named):
    with complains(named):
        cases_in([{**SERIES, **change}])
    with complains("series"):
        cases_in([{key: value for key, value in SERIES.items() if key != "vary"}])


def test_groups_share_each_beginning_before_it_is_needed():
    """In a replay of the plan every run but the first of its group finds the furthest state that it can start from."""
    plain = {"acquire.omega": 0.0}
    runs = [
        tiny("linear", seed=seed, **{"growth.additions": k}, **how)
        for seed in (0, 1)
        for k in (0, 1, 3)
        for how in ({}, plain, {"acquire.direction": "random"})
    ]
    planned = sweep.groups([*runs, *runs])
    assert sorted(run_name(run) for group in planned for run, _ in group) == sorted({run_name(run) for run in runs})
    assert len(planned) == 2  # one a seed: all its runs start from the same initial pool
    for group in planned:
        there = set()
        for i, (run, share_before) in enumerate(group):
            if i:
                furthest = max(
                    (done for done in range(run.growth.additions + 1) if prefix_name(run, done) in there), default=None
                )
                same = [other for other, _ in group[:i] if other.acquire == run.acquire and run.growth.additions > 0]
                assert furthest == (run.growth.additions if same else 0)
            assert all(1 <= addition <= run.growth.additions for addition in share_before)
            there |= {prefix_name(run, addition - 1) for addition in share_before}


def test_a_sweep_gives_what_single_runs_give_and_does_nothing_twice(tmp_path):
    """A sweep in another process, with shared beginnings, equals single runs; a second call finds everything done."""
    runs = [tiny("linear", seed=seed, **{"growth.additions": k}) for seed in (0, 1) for k in (0, 1, 3)]
    reports = []
    cases = [*cases_of(runs), *cases_of(runs[:1], "hindsight")]
    workers.sweep(cases, tmp_path / "swept", "cpu", 1, lambda done, total: reports.append((done, total)))
    assert reports[0] == (0, 6)
    assert reports[-1] == (6, 6)
    for run in runs:
        assert outcome(run, tmp_path / "swept") == outcome(run, tmp_path / "single")
    assert sweep.results(cases[-1:], tmp_path / "swept")[0].examined == examine(
        "hindsight", runs[0], tmp_path / "single"
    )
    again = []
    workers.sweep(cases, tmp_path / "swept", "cpu", 1, lambda done, total: again.append((done, total)))
    assert again == [(6, 6)]
    (record,) = sweep.results([sweep.Case("f", "p", "s", 3, runs[2])], tmp_path / "swept")
    result = execute(runs[2], tmp_path / "swept")
    assert record == Record(panel="p", series="s", value=3, seed=0, result=result, examined={})


def test_the_records_hold_what_the_runs_were_examined_for(tmp_path):
    """A question asked twice of one run and once of another that begins alike is answered once each, after its run."""
    runs = [tiny("linear"), tiny("linear", **{"growth.additions": 1})]
    cases = [*cases_of([runs[0], runs[0], runs[1]], "hindsight"), *cases_of(runs)]
    jobs = sweep.work(cases, tmp_path)
    assert [len(job.runs) for job in jobs] == [2]
    assert jobs[0].questions == [("hindsight", runs[0]), ("hindsight", runs[1])]
    sweep.do(jobs[0], tmp_path, "cpu")
    records = sweep.results(cases, tmp_path)
    assert [record.examined["step"] for record in records[:3]] == [list(range(1, 17))] * 3
    assert all(record.examined == {} for record in records[3:])
    assert records[2].examined == examine("hindsight", runs[1], tmp_path)
    assert sweep.work(cases, tmp_path) == []


def test_a_question_to_a_finished_run_is_still_to_be_answered(tmp_path):
    """The run itself is not done again."""
    run = tiny("linear")
    execute(run, tmp_path)
    (case,) = cases_of([run], "hindsight")
    assert not case.done(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    (job,) = sweep.work([case], tmp_path)
    sweep.do(job, tmp_path, "cpu")
    assert case.done(tmp_path)
    after = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    assert after.keys() - before.keys() == {examination_path("hindsight", run, tmp_path)}
    assert {path: after[path] for path in before} == before


def test_reading_a_missing_result_is_refused_and_trains_nothing(tmp_path):
    """Reading records makes neither a run nor an examination."""
    run = tiny("linear")
    with complains("result.json"):
        sweep.results(cases_of([run]), tmp_path)
    assert not list(tmp_path.iterdir())
    execute(run, tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with complains("hindsight.json"):
        sweep.results(cases_of([run], "hindsight"), tmp_path)
    assert sorted(tmp_path.rglob("*")) == before


def test_the_work_of_the_first_figure_comes_first_and_in_each_figure_the_longest(tmp_path):
    """A group of runs that both figures need is work of the first figure."""
    first = cases_of([tiny("linear", seed=seed, **{"growth.additions": seed}) for seed in (0, 1)], figure="first")
    longer = {"training.iterations": 99}
    runs = [tiny("linear", seed=2), tiny("linear", seed=3, **longer), tiny("linear", seed=0, **{"growth.additions": 3})]
    jobs = sweep.work([*first, *cases_of(runs, figure="second")], tmp_path)
    assert [{run.seed for run, _ in job.runs} for job in jobs] == [{0}, {1}, {3}, {2}]


def test_the_first_failure_ends_a_sweep_with_its_message(tmp_path):
    bad = tiny("linear", seed=1)
    folder = folder_of(bad, tmp_path)
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    with complains(folder / "config.json"):
        workers.sweep(cases_of([bad, tiny("linear")]), tmp_path, "cpu", 1, lambda *_: None)


def test_complaints_can_be_sent_between_processes():
    error = InputError("here", 1, "2", "do 3")
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again)) == (InputError, "here: got 1; allowed 2; do 3")


def test_a_killed_worker_is_reported(tmp_path):
    """A worker killed from outside, as by the system when memory runs out, is reported."""
    runs = [tiny("linear", seed=seed, **{"world.dimension": 400, "training.iterations": 4000}) for seed in range(2)]

    def kill_workers(*_):
        for process in multiprocessing.active_children():
            process.kill()

    with complains("worker"):
        workers.sweep(cases_of(runs), tmp_path, "cpu", 1, kill_workers)


@pytest.mark.parametrize("moment", ["submit", "report"])
def test_interrupted_anywhere_it_ends_with_its_workers(tmp_path, monkeypatch, moment):
    """Ctrl-C during the start of a worker, or during work of minutes, ends the sweep and its workers."""
    runs = [tiny("linear", seed=seed, **{"world.dimension": 400, "training.iterations": 40000}) for seed in range(2)]
    reports, submit = [], workers.ProcessPoolExecutor.submit

    def interrupted(*arguments):
        future = submit(*arguments)
        if moment == "submit":
            signal.raise_signal(signal.SIGINT)
        return future

    def progress(*counts):
        reports.append(counts)
        if moment == "report" and len(reports) == 2:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(workers.ProcessPoolExecutor, "submit", interrupted)
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        workers.sweep(cases_of(runs), tmp_path, "cpu", 2, progress)
    assert not list(tmp_path.rglob("result.json"))
    assert multiprocessing.active_children() == []
    assert signal.getsignal(signal.SIGINT) is before
    assert len(reports) == {"submit": 1, "report": 2}[moment]


@pytest.mark.parametrize(("device", "number", "named"), [("abacus", 1, "--device"), ("cpu", -1, "--workers")])
def test_impossible_devices_and_workers_are_refused(tmp_path, device, number, named):
    with complains(named):
        workers.sweep(cases_of([tiny("linear")]), tmp_path, device, number, lambda *_: None)
