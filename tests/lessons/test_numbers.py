"""Test the numbers that the words of lessons 5 to 9 quote: each is computed anew from the library or the tables."""

import numpy as np
import pytest
from support.lessons import LESSONS, load

QUOTED = {  # lesson: exercise: the numbers as its words have them
    5: {
        "entropy": 1.04,
        "gain": (0.0329, 0.0049),
        "resampled": (0.023, 0.041),
        "other_images": (-0.005, 0.033),
    },
    6: {
        "chi2": (34.8, 920_000),
        "gaps": (-0.099, -0.109),
        "foretold": (0.8975, 0.9513, 0.9756),
        "random_gap": (-0.071, 0.004),
    },
    7: {
        "seconds": (1.14, 2.08),
        "front": (0, 6, 7, 8, 9),
        "difference": (-0.0026, 0.0016),
        "saved": (4.6, 2.6),
    },
    8: {
        "factor": 2.9,
        "last_rise": (0.0040, 0.0097),
        "honest": (3.2, 2.0, 9.8),
        "additions": 26,
        "distances": (-0.1, 527),
    },
    9: {"foreseen": 0.964, "ratio": (3.6, 2.8, 5.1), "law_error": 0.1183},
}


def lesson(number):
    return load(LESSONS[number - 1])


@pytest.mark.parametrize("number", QUOTED)
def test_solutions_are_the_quoted_numbers(number):
    exercises = lesson(number).exercises()
    assert set(exercises) == set(QUOTED[number])
    for name, quoted in QUOTED[number].items():
        solution, rounded = np.atleast_1d(exercises[name].solution()), np.atleast_1d(quoted)
        unit = 10.0 ** -max(len(repr(float(value)).partition(".")[2].rstrip("0")) for value in rounded)
        slack = np.maximum(unit, 0.005 * np.abs(rounded))  # one unit of the last digit quoted
        assert np.all(np.abs(solution - rounded) <= slack), (name, solution, quoted)


def test_few_seeds_widen_the_interval_four_times():
    practice, static = lesson(5).paired(512)
    widths = [np.diff(lesson(5).t_interval((practice - static)[:count]))[0] for count in (3, 8)]
    assert widths == pytest.approx([0.096, 0.023], abs=0.001)


def test_the_gap_of_the_finite_dimension_is_the_same_times_d():
    sums = []
    for d in (64, 256):
        measured, stderr, exact = lesson(6).precise(d)
        sums.append(np.sum(((measured - exact) / stderr) ** 2))
    assert sums == pytest.approx([110, 82], abs=1)


def test_practice_is_within_its_errors_where_the_limit_holds_and_not_beyond():
    assert np.sqrt(np.mean(lesson(6).practice_z() ** 2)) == pytest.approx(1.0, abs=0.05)
    assert max(abs(lesson(6).strength_z(omega, "denoiser")) for omega in (0.002, 0.005, 0.01, 0.02, 0.05)) < 1
    assert lesson(6).strength_z(0.1, "denoiser") == pytest.approx(4.4, abs=0.1)


def test_prices_and_plain_samples_of_the_costs():
    module = lesson(7)
    assert module.find("digits", module.GUIDE).work == pytest.approx(1.06, abs=0.005)
    assert module.tables.measured("fig5", "d digits", "DP through denoiser")[0][0] == pytest.approx(2.06, abs=0.005)
    assert module.error_rate("linear", 2) == pytest.approx(10.1, abs=0.1)
    assert module.error_rate("digits", 16) == pytest.approx(6.1, abs=0.2)


def test_readings_of_flat_tables_are_a_lottery():
    module = lesson(8)
    assert [module.usual_reading("table4", at) for at in (0.6, 0.6192, 0.6232)] == pytest.approx(
        [2.9, 3.5, 33], rel=0.02
    )
    assert module.usual_reading("table5", 0.45628) == pytest.approx(25, abs=0.5)
    shares = [np.mean(module.redrawn() < 5), np.mean(module.redrawn() > 10), np.mean(module.redrawn() >= 25)]
    assert shares == pytest.approx([1 / 3, 2 / 3, 1 / 3], abs=0.02)
    assert module.monte_carlo().mean == pytest.approx(0.0325, abs=2e-4)
    assert module.readings("table5").best[1:4] == pytest.approx((6.9, 4.2, 17), rel=0.03)


def test_what_the_capstone_may_claim_of_its_example_and_that_it_is_wrong():
    module = lesson(9)
    linear, neighbours = module.analysed(module.EXAMPLE, "linear", "higher is better")
    allowed = [claim.allowed for claim in module.claims(linear)]
    assert allowed == [True, True, False, True, True]  # form, exponent, floor, prediction, seeds
    assert all(claim.allowed for claim in module.claims(neighbours))
    ahead = linear.predictions
    assert (ahead.x[0], round(ahead.low[0], 3), round(ahead.high[0], 3)) == (1200, 0.879, 0.914)
    assert module.whole_example() == pytest.approx(0.878, abs=0.004)
    assert module.whole_example() < ahead.low[0]


def test_law_and_refits_of_the_digits_agree_within_what_the_capstone_shows():
    gaps = [abs(law / refits - 1) for _, law, _, _, refits, _ in lesson(9).law_and_refits(lesson(9).digits())]
    assert len(gaps) == 4
    assert max(gaps) < 0.1  # few rows a class: docs/real_data.md has up to 8 %


@pytest.mark.slow
def test_the_shipped_example_is_what_its_function_measures():
    with lesson(9).EXAMPLE.open() as file:
        shipped = [line.rstrip().split(",") for line in file][1:]
    measured = lesson(9).measure_example()
    assert [row[:3] for row in shipped] == [[name, str(x), str(seed)] for name, x, seed, _ in measured]
    assert np.abs(np.array([float(row[3]) for row in shipped]) - [row[3] for row in measured]).max() < 0.004


@pytest.mark.parametrize(
    ("number", "name", "rounded"),
    [
        (1, "short_exponent", (0.56, 0.03)),
        (3, "needed", 12_000),
        (3, "per_generated", 2.2),
        (5, "other_images", (-0.005, 0.033)),
    ],
)
def test_answers_rounded_as_the_texts_quote_them_are_right(number, name, rounded):
    assert lesson(number).exercises()[name].check(rounded).status == "right"
