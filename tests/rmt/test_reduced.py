"""The reduced Monte Carlo has exactly the law of the dense one, and lies on the theory: KS tests, z-scores, algebra."""

import csv

import numpy as np
import pytest
from scipy.stats import ks_2samp
from support.places import DATA

import rmt
from rmt import reduced
from rmt.generalization import selection

TABLE = DATA / "reduced_z_scores.csv"
PROBLEMS, TRIALS = 240, 32
D, LOGISTIC_D = 1024, 48  # and twice that

SHAPES = {  # kept samples below and above the dimension; two and three special directions; coins
    "N < d": {"n": 40, "d": 30, "rule": rmt.KeepHard(0.4)},
    "N > d": {"n": 200, "d": 30, "rule": rmt.KeepHard(0.4)},
    "N around d": {"n": 60, "d": 30, "rule": rmt.KeepEasy(0.5)},
    "coins": {"n": 90, "d": 12, "rule": rmt.SoftKeep(0.5, power=1.0)},
    "label-aware": {"n": 120, "d": 20, "rule": rmt.KeepEasy(0.5), "rho_generator": 0.6, "label_aware": True},
    "weak generator": {"n": 60, "d": 5, "rule": rmt.KeepHard(0.6), "rho_generator": 0.7, "rho_agreement": 0.3},
    "two dimensions": {"n": 9, "d": 2, "rule": rmt.KeepHard(0.7)},
    "three samples": {"n": 3, "d": 6, "rule": rmt.KeepAll()},
    "perfect pruner": {"n": 50, "d": 8, "rule": rmt.KeepHard(0.5), "rho": 1.0},
    "hardly any ridge": {"n": 100, "d": 20, "rule": rmt.KeepAll(), "ridge": 1e-9},
}


@pytest.mark.parametrize("name", SHAPES)
def test_same_law_as_dense(name):
    """Two-sample Kolmogorov-Smirnov over 1000 trials each; one of ten tests at 1e-3 fails once in a hundred seeds."""
    problem = rmt.Problem(**({"ridge": 0.05, "rho": 0.8} | SHAPES[name]))
    samples = [
        rmt.simulate(problem, 1000, m, rng=np.random.default_rng([7, len(m)])).samples for m in ("reduced", "dense")
    ]
    pvalue = ks_2samp(*samples).pvalue
    print(f"{name}: p = {pvalue:.2f}")
    assert pvalue > 1e-3


def test_the_test_has_power():
    """The same test tells a pool of n + d samples from one of n."""
    problem = rmt.Problem(n=200, d=30, ridge=0.05, rule=rmt.KeepHard(0.4), rho=0.8)
    other = rmt.Problem(n=230, d=30, ridge=0.05, rule=rmt.KeepHard(0.4), rho=0.8)
    a, b = (rmt.simulate(p, 1000, rng=np.random.default_rng(k)).samples for k, p in enumerate((problem, other)))
    assert ks_2samp(a, b).pvalue < 1e-3


@pytest.mark.parametrize(
    ("N", "d"), [(3, 9), (7, 9), (9, 9), (10, 9), (40, 9), (1, 4), (2, 2), (30, 2), (30, 3), (8, 8)]
)
def test_banded_solves_equal_the_obvious_one(N, d):
    """Both solves equal X'(XX' + penalty)^-1 y with the reduced data as a full matrix."""
    rng = np.random.default_rng([N, d])
    rows = rng.standard_normal((N, 3))
    U = reduced._factor(rows.T @ rows, N)
    np.testing.assert_allclose(U.T @ U, rows.T @ rows, rtol=1e-10, atol=1e-12)
    bands = reduced._draw_bands(U[:, :2], N, d, rng)
    K = bands.shape[1]
    X = np.zeros((K, d + 8))  # columns from -1
    for j in range(4):
        X[np.arange(K), np.arange(K) + j] = bands[j]
    assert not X[:, 0].any()
    assert not X[:, d + 1 :].any()
    X = X[:, 1 : d + 1]
    y = np.zeros(K)
    y[: len(U)] = U[:, 2]
    right = np.linalg.solve(X.T @ X + 0.3 * np.eye(d), X.T @ y)
    for solve in (reduced._solve_primal, reduced._solve_dual):
        w = solve(bands, U[:, 2], d, 0.3)
        np.testing.assert_allclose(np.pad(w, (0, d - len(w))), right, rtol=1e-9, atol=1e-12)


def test_moments_of_the_reduced_data():
    """The mean of tr X'X is N d: a sum of N d squared normal numbers."""
    N, d, draws = 20, 12, 4000
    rng = np.random.default_rng(0)
    traces = []
    for _ in range(draws):
        rows = rng.standard_normal((N, 3))
        traces.append(np.sum(reduced._draw_bands(reduced._factor(rows.T @ rows, N)[:, :2], N, d, rng) ** 2))
    mean, stderr = np.mean(traces), np.std(traces) / np.sqrt(draws)
    assert abs(mean - N * d) < 4 * stderr < 2


@pytest.mark.parametrize("D", [1, 2, 7])
def test_uniform_directions(D):
    """First coordinate and rest have the given length; the first coordinate has 1/D of its square on average."""
    rng = np.random.default_rng(D)
    first, rest = np.array([reduced._split(3.0, D, rng) for _ in range(4000)]).T
    np.testing.assert_allclose(np.hypot(first, rest), 3.0, rtol=1e-12)
    share = first**2 / 9
    assert abs(share.mean() - 1 / D) <= 4 * share.std() / np.sqrt(4000) + 1e-12
    assert abs(first.mean()) < 4 * first.std() / np.sqrt(4000)


def random_problem(seed):
    """Return a function from d to a random problem: any rule, imperfect generators, label checks, every sixth logistic.

    phi is in .05-20, lam in 1e-6-10, rho in 0-1. Problems with a small ridge are drawn again if their number of kept
    samples may fall on either side of d: the law's peak there is sqrt(phi lam) wide, narrower than 1/sqrt(N).
    """
    logistic = seed % 6 == 5
    for attempt in range(100):
        rng = np.random.default_rng([seed, attempt, 2502])
        ratio, lam, rho = 20 ** rng.uniform(-1, 0.5 if logistic else 1), 10 ** rng.uniform(-6, 1), rng.uniform(0, 1)
        p = rng.uniform(0.2, 1)
        rules = rmt.KeepHard(p), rmt.KeepEasy(p), rmt.KeepAll(), rmt.SoftKeep(p, power=rng.uniform(-3, 3))
        fields = {"ridge": lam, "rule": rules[rng.integers(4)], "rho": rho, "loss": "squared"}
        if logistic:
            fields |= {"ridge": max(lam, 1e-4), "loss": "logistic"}
        if seed % 3:
            agreement = rng.uniform(0.2, 1)
            generator = rho * agreement + rng.uniform(-1, 1) * np.sqrt((1 - rho**2) * (1 - agreement**2))
            fields |= {"rho_generator": generator, "rho_agreement": agreement, "label_aware": seed % 3 == 1}

        def problem(d, ratio=ratio, fields=fields):
            return rmt.Problem(n=round(ratio * LOGISTIC_D) * d // LOGISTIC_D, d=d, **fields)

        small = problem(LOGISTIC_D if logistic else D)
        kept = small.n * float(selection(small).p)
        if logistic or lam > 0.01 or abs(kept - small.d) > 8 * np.sqrt(kept):
            return problem
    raise AssertionError("no problem found")


def z_score(seed):
    """Return (2 gap(2d) - gap(d)) / stderr, gap = simulation - theory, in which a gap of C/d cancels."""
    problem = random_problem(seed)
    logistic = problem(D).loss == "logistic"
    d = LOGISTIC_D if logistic else D
    gaps = []
    for size in (d, 2 * d):
        estimate = rmt.simulate(problem(size), TRIALS, rng=np.random.default_rng([seed, size]))
        gaps.append((estimate.mean - rmt.error_rate(problem(size)), estimate.stderr))
    (gap, stderr), (gap2, stderr2) = gaps
    z = (2 * gap2 - gap) / np.hypot(2 * stderr2, stderr)
    assert 4 * np.hypot(2 * stderr2, stderr) < (0.2 if logistic else 0.05), "the test cannot see"
    return z


def table_row(seed):
    problem = random_problem(seed)(D)
    law, z = rmt.error_rate(problem), z_score(seed)
    words = [problem.loss, repr(problem.rule).split("_log")[0].rstrip(", ()") + ")", str(problem.label_aware)]
    numbers = (problem.phi, problem.ridge, *problem.cosines, law, z)
    return [str(seed), *words, *(f"{float(v):.6g}" for v in numbers)]


HEADER = ["seed", "loss", "rule", "label_aware", "phi", "ridge", "rho", "rho_generator", "rho_agreement", "law", "z"]


@pytest.fixture(scope="module")
def table():
    with open(TABLE, newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("seed", [*range(0, PROBLEMS, 12), 5, 17])
def test_rows_of_the_table_come_out_again(table, seed):
    row = table_row(seed)
    assert row[:-2] == list(table[seed].values())[:-2]
    assert float(row[-1]) == pytest.approx(float(table[seed]["z"]), abs=1e-3)


def test_z_scores_of_the_table(table):
    """The z-scores of 240 random problems are standard normal; their standard deviation is known to .046."""
    z = np.array([float(row["z"]) for row in table])
    print(
        f"{len(z)} problems: mean {z.mean():+.2f}, standard deviation {z.std(ddof=1):.3f}, largest {abs(z).max():.2f}"
    )
    assert len(z) == PROBLEMS
    assert 0.9 < z.std(ddof=1) < 1.15
    assert abs(z.mean()) < 4 / np.sqrt(PROBLEMS)
    assert abs(z).max() < 4.5


def write_table():
    """Write the table of all problems, in about two minutes: PYTHONPATH=tests:. python tests/rmt/test_reduced.py."""
    with open(TABLE, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER)
        writer.writerows(table_row(seed) for seed in range(PROBLEMS))


if __name__ == "__main__":
    write_table()
