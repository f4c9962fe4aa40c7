"""The file of per-seed values beside a table: anybody can refit the table from it, without a run."""

import csv
from collections import defaultdict

import numpy as np
import pytest
from support.invented_runs import fig2_records
from support.records import invented, linear_config

from figures.contract import table
from figures.contract.figure import Inputs
from figures.practice import fig2, fig4, fig5


def fig4_records():
    rng = np.random.default_rng(0)
    records = []
    for series, growth in (("static", {}), ("deliberate practice", {"initial": 32, "addition": 32})):
        for size in (64, 128):
            additions = size // 32 - 1 if "addition" in growth else 0
            config = linear_config({"initial": size, **growth, "additions": additions})
            numbers = {"pool_size": size, "config": config, "pool": [{}] * (additions + 1)}
            records += [
                invented("linear", series, seed, value=size, accuracy=rng.random(), **numbers) for seed in (0, 2, 5)
            ]
    return records


def fig5_records():
    """Panels a and b of one world; the pool has 256 plain samples and as many added ones."""
    rng = np.random.default_rng(1)
    records = []
    for panel, series, values in (("a", fig5.PRUNE, (1, 4)), ("b", "through x0", (0.0, 0.05))):
        for value in values:
            for seed in range(3):
                added = {"images": 256 * max(value, 1), "gflop": 3.0 * max(value, 1), "entropy": rng.random()}
                pool = [{"images": 256, "gflop": 2.0, "entropy": 0.5}, added]
                place = (f"{panel} linear", series, seed)
                varied = {"ratio": value} if panel == "a" else {"omega": value}
                config = linear_config({"initial": 256, "addition": 256, "additions": 1}, **varied)
                records.append(invented(*place, value=value, pool=pool, accuracy=rng.random(), config=config))
    return records


CASES = {
    "fig2": (fig2, {"window": {"digits": [-20, 30]}}, fig2_records()),
    "fig4": (fig4, {"paper": True}, fig4_records()),
    "fig5": (fig5, {"usual_omega": {"linear": 0.05}}, fig5_records()),
}


def read(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", CASES)
def test_the_samples_give_the_means_and_standard_errors_of_the_table(name, tmp_path):
    module, settings, records = CASES[name]
    path = tmp_path / f"{name}.csv"
    table.save(module.compute(Inputs(settings, records)), path)
    samples = defaultdict(dict)
    for line in read(table.seeds_path(path)):
        samples[tuple(line[key] for key in table.KEYS)][int(line["seed"])] = float(line["y"])
    rows = {tuple(line[key] for key in table.KEYS): line for line in read(path) if line["source"] == "practice"}
    assert set(samples) == set(rows)
    for key, row in rows.items():
        values = np.array(list(samples[key].values()))
        assert len(values) == int(row["n_seeds"]) >= 2
        assert values.mean() == pytest.approx(float(row["y"]), rel=1e-12, abs=1e-12)
        assert values.std(ddof=1) / np.sqrt(len(values)) == pytest.approx(float(row["stderr"]), rel=1e-9, abs=1e-12)
    if name == "fig4":
        assert all(set(by_seed) == {0, 2, 5} for by_seed in samples.values())
