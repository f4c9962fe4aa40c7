"""Set finished runs of the linear world beside the theory of practice: the limit of every run, and z-scores.

The theory, `rmt.practice.learning_curve`, is asked at the run's own settings, with the rows of the run's own sampler;
nothing is fitted. It is the limit of large dimension: runs differ by O(1/d), .0001 to .001 at d = 128, and by less than
the standard errors of 16 seeds where the pool has more than d rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from scipy.optimize import brentq

from empirical.runs.result import Record
from figures.contract.records import mean, points
from figures.contract.table import Row, select
from rmt.practice import Guided, Plain, Pruned, Retire, learning_curve

TOLERANCE = 3e-4  # of the moments of guided rows: 1e-5 of accuracy, a tenth of what 1,000 seeds resolve
SAMPLED, REPEATS = 20_000, 4  # rows and repeats where rows retire: standard errors of .0003 to .003
LOG_ROWS = (-10.0, 16.0)  # logarithms of rows per dimension: cosines from .005 to 1 - 1e-7
Weights = str | tuple[tuple[float, ...], ...] | Retire


class Question(NamedTuple):
    """The arguments of `rmt.practice.learning_curve` that describe a run; as a key, runs of all seeds share it."""

    rows: tuple[float, ...]
    ridge: float
    additions: tuple[Plain | Pruned | Guided, ...]
    weights: Weights
    first: Plain


class Limit(NamedTuple):
    """Accuracy of a fit at infinite dimension; `stderr` is 0 unless rows retire and expectations are sampled."""

    accuracy: float
    stderr: float


def question(config: Mapping[str, Any]) -> Question | None:
    """Return what the theory is asked about a run's configuration; None where it has no answer.

    It knows ridge classifiers of the linear world and plain, guided or pruned additions. Moves in random directions
    change nothing in the limit, so that such additions are plain. It does not know samples that are guided and pruned,
    filtered by a judge, or drawn by classifier-free guidance.

    >>> world = {"name": "linear", "dimension": 100, "ridge": 0.01}
    >>> growth = {"initial": 200, "addition": 50, "additions": 1, "memory": 0, "newest_weight": 1}
    >>> acquire = {"omega": 0.0, "ratio": 2, "reject": 0.0, "retire": 0.0, "schedule": (1.0,)}
    >>> sampling = {"steps": 50, "guidance_scale": 0.0}
    >>> config = {"world": world, "learner": {"kind": "ridge"}, "growth": growth, "acquire": acquire}
    >>> asked = question({**config, "sampling": sampling})
    >>> asked.rows, asked.additions, asked.weights
    ((2.0, 0.5), (Pruned(keep=0.5, steps=50),), 'accumulate')
    """
    if config["world"]["name"] != "linear" or config["learner"]["kind"] != "ridge":
        return None
    world, growth, acquire, sampling = (config[section] for section in ("world", "growth", "acquire", "sampling"))
    if sampling["guidance_scale"] or acquire["reject"]:
        return None
    d, count = world["dimension"], growth["additions"]
    additions = [addition(acquire, number, sampling["steps"], d) for number in range(1, count + 1)]
    made, weights = tuple(part for part in additions if part is not None), weighting(growth, acquire)
    if len(made) < count or weights is None:
        return None
    rows = (growth["initial"] / d, *[growth["addition"] / d] * count)
    return Question(rows, world["ridge"], made, weights, Plain(sampling["steps"]))


def addition(acquire: Mapping[str, Any], number: int, steps: int, d: int) -> Plain | Pruned | Guided | None:
    """Return the theory's mechanism of addition `number` (1: the first); None for guided samples that are pruned."""
    omega = acquire["omega"] * acquire["schedule"][min(number, len(acquire["schedule"])) - 1]
    guided = omega > 0 and acquire["direction"] == "entropy"
    if acquire["ratio"] > 1:
        return None if guided else Pruned(1 / acquire["ratio"], steps)
    if not guided:
        return Plain(steps)
    through = "x0" if acquire["through"] == "x0" else "denoiser"  # "conditional" is all of the linear world's denoiser
    interval = (acquire["interval"][0], acquire["interval"][1])
    return Guided(omega * math.sqrt(d), steps, through, interval, acquire["every"], TOLERANCE)


def weighting(growth: Mapping[str, Any], acquire: Mapping[str, Any]) -> Weights | None:
    """Return which rounds a fit sees, and how often; None for newest rows drawn more often from pools that retire."""
    fits, memory, newest = growth["additions"] + 1, growth["memory"], growth["newest_weight"]
    if acquire["retire"] and newest > 1:
        return None
    if acquire["retire"]:
        return "replace" if acquire["retire"] == 1 else Retire(acquire["retire"], SAMPLED, REPEATS)
    if not memory and newest == 1:
        return "accumulate"

    def weight(fit: int, round_: int) -> float:
        seen = fit - round_ < memory if memory else True
        return float(seen) * (newest if round_ == fit and fit else 1)

    return tuple(tuple(weight(fit, round_) for round_ in range(fit + 1)) for fit in range(fits))


@lru_cache(maxsize=256)
def curve(asked: Question) -> tuple[Limit, ...]:
    """Compute the limits of all fits: after the initial round, after the first addition, and so on."""
    fits = learning_curve(asked.rows, asked.ridge, asked.additions, asked.weights, first=asked.first)
    return tuple(map(Limit, fits.accuracy.tolist(), fits.stderr.tolist()))


def starting_at(asked: Question, alignment: float) -> Question:
    """Return the question with as many initial rows as give the first fit this cosine to the truth, in (0, 1).

    A pool that is replaced as a whole remembers nothing else of its initial rows: so a run's own start is asked about.
    """

    def gap(log_rows: float) -> float:
        fit = learning_curve([math.exp(log_rows)], asked.ridge, [], first=asked.first)
        return float(fit.alignment[0]) - alignment

    return asked._replace(rows=(math.exp(brentq(gap, *LOG_ROWS)), *asked.rows[1:]))


def limit(record: Record) -> Limit | None:
    """Compute the limit of a run's accuracy, after as many additions as it has made; None as in `question`."""
    asked = question(record.result.config)
    return curve(asked)[len(record.result.pool) - 1] if asked else None


def limits(figure: str, records: Iterable[Record], x: Callable[[Record], float]) -> list[Row]:
    """Make a theory row beside every row of `records.average`: the mean of the limits of its runs, at the same x.

    Runs of one point have different limits where some of them stop before all additions are made.
    """
    rows = []
    for (panel, series, _), runs in points(list(records), lambda run: run.value).items():
        known = [found for run in runs if (found := limit(run))]
        if len(known) == len(runs):
            y, stderr = (mean([found[k] for found in known]) for k in (0, 1))
            at = mean([x(run) for run in runs])
            rows.append(Row(figure, panel, series, "accuracy", "theory", at, y, stderr or None))
    return rows


def path(figure: str, records: Sequence[Record], start: float, step: float, known: Sequence[Row]) -> list[Row]:
    """Make theory rows of the fit after each addition k at x = start + k step, but where `known` rows are.

    The run with the most additions stands for all `records`, which are of one series.
    """
    run = max(records, key=lambda record: record.result.config["growth"]["additions"])
    asked = question(run.result.config)
    fits = dict(enumerate(curve(asked))) if asked else {}
    return _rows(figure, run, {start + k * step: found for k, found in fits.items() if k}, known)


def changed(config: Mapping[str, Any], key: str, value: Any) -> dict[str, Any]:
    """Return a configuration with another value of the setting `key`, "section.name".

    >>> changed({"acquire": {"omega": 0.1, "ratio": 1}}, "acquire.ratio", 4)
    {'acquire': {'omega': 0.1, 'ratio': 4}}
    """
    section, name = key.split(".")
    return {**config, section: {**config[section], name: value}}


def sweep(
    figure: str, records: Sequence[Record], key: str, values: Mapping[float, float], known: Sequence[Row]
) -> list[Row]:
    """Make theory rows of runs like `records`, of one series, with another setting, but where `known` rows are.

    key: "section.name" of the setting. values: by place x, its value, which may lie between those that a run can have.
    The run of the largest value stands for all: one with omega = 0 is shared with other series, and may have theirs of
    the settings that it does not use.
    """
    run = max(records, key=lambda record: record.value)
    asked = {x: question(changed(run.result.config, key, value)) for x, value in values.items()}
    return _rows(figure, run, {x: curve(about)[-1] for x, about in asked.items() if about}, known)


def _rows(figure: str, run: Record, found: Mapping[float, Limit], known: Sequence[Row]) -> list[Row]:
    taken = {row.x for row in known if (row.panel, row.series) == (run.panel, run.series)}
    return [
        Row(figure, run.panel, run.series, "accuracy", "theory", float(x), y, stderr or None)
        for x, (y, stderr) in found.items()
        if x not in taken
    ]


class Comparison(NamedTuple):
    """Practice and theory at one point: z = (practice - theory)/standard error."""

    panel: str
    series: str
    x: float
    practice: Row
    theory: Row

    @property
    def gap(self) -> float:
        """Return practice - theory."""
        return self.practice.y - self.theory.y

    @property
    def z(self) -> float:
        """Return the gap in standard errors of practice and, where it is sampled, of theory."""
        return self.gap / math.hypot(self.practice.stderr or 0.0, self.theory.stderr or 0.0)


def comparisons(rows: Sequence[Row], quantity: str = "accuracy") -> list[Comparison]:
    """Pair every average of runs that has a spread with the theory's row of its series at the same x.

    >>> row = Row("f", "linear", "static", "accuracy", "practice", 256.0, 0.8, 0.01, 16)
    >>> law = row._replace(source="theory", y=0.79, stderr=None, n_seeds=None)
    >>> [round(pair.z, 9) for pair in comparisons([row, law])]
    [1.0]
    """
    law = {(row.panel, row.series, row.x): row for row in select(rows, quantity=quantity, source="theory")}
    measured = [row for row in rows if (row.quantity, row.source) == (quantity, "practice") and row.stderr]
    pairs = [(row, law.get((row.panel, row.series, row.x))) for row in measured]
    return [Comparison(row.panel, row.series, row.x, row, theory) for row, theory in pairs if theory]


def verdict(pairs: Sequence[Comparison], x: str = "") -> str:
    """Say in one sentence how far practice is from theory; "" without any pair. `x` is the format of a place.

    With few seeds standard errors are themselves uncertain, and z-scores scatter more than normal numbers.

    >>> runs = [Row("f", "linear", "static", "accuracy", "practice", x, 0.8, 0.01, 16) for x in (256.0, 512.0)]
    >>> law = [row._replace(source="theory", y=0.79 + k / 1000, stderr=None) for k, row in enumerate(runs)]
    >>> verdict(comparisons([*runs, *law]), "{:g} samples")
    'theory: z-scores of 2 points (16 seeds) have rms 1.0, the largest is +1.0 (static, 256 samples)'
    """
    if not pairs:
        return ""
    furthest = max(pairs, key=lambda pair: abs(pair.z))
    rms = math.sqrt(mean([pair.z**2 for pair in pairs]))
    where = ", ".join(filter(None, [furthest.series, x.format(furthest.x)]))
    compared = f"{len(pairs)} points ({min(pair.practice.n_seeds or 0 for pair in pairs)} seeds)"
    return f"theory: z-scores of {compared} have rms {rms:.1f}, the largest is {furthest.z:+.1f} ({where})"
