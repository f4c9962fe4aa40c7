"""Batched variable projection against SciPy's solvers, one curve at a time."""

import numpy as np
import pytest
from scipy.optimize import least_squares, nnls

from scaling.forms import FORMS
from scaling.projection import minimise, project

N = 2.0 ** np.arange(6, 16)
U = np.log(N) - np.log(N).mean()


@pytest.mark.parametrize("coefficients", [1, 2, 3])
def test_projection_is_non_negative_least_squares(coefficients):
    rng = np.random.default_rng(coefficients)
    basis, curves = rng.random((40, coefficients, 9)), rng.standard_normal((40, 9))
    weights = rng.random(9) + 0.1
    found, residual = project(basis, curves, weights)
    for b, y, c, r in zip(basis, curves, found, residual, strict=True):
        best, norm = nnls((b * np.sqrt(weights)).T, y * np.sqrt(weights))
        np.testing.assert_allclose(c, best, atol=1e-8)
        assert np.linalg.norm(r) == pytest.approx(norm, rel=1e-8)
    assert 0.1 < np.mean(found == 0) < 0.9  # both kinds of solutions were asked for


@pytest.mark.parametrize("name", FORMS)
def test_no_curve_ends_above_scipys_minimum(name):
    """Least squares in all parameters at once, started at the answer, improves no curve by more than 1e-6."""
    form, rng = FORMS[name], np.random.default_rng(4)
    truth = {"broken": 2 * N**-0.3 * (1 + (N / 2000) ** 3) ** -0.1, "saturating": 0.02 + 0.9 / (1 + (N / 500) ** 0.6)}
    curve = truth.get(name, 0.02 * (name != "power") + 3 * N**-0.5)
    curves = curve * (1 + 0.01 * rng.standard_normal((12, 10)))
    weights, bounds = curve**-2, np.array(form.bounds(U))
    found = minimise(lambda theta: form.basis(theta, U), curves, weights, form.grid(U), form.bounds(U))
    assert found.converged.mean() >= 0.9
    for y, theta, c, squares in zip(curves, found.theta, found.coefficients, found.squares, strict=True):

        def residuals(p, y=y, size=c.size):
            return np.sqrt(weights) * (y - p[:size] @ form.basis(p[size:], U))

        start = np.concatenate([c, theta])
        assert np.sum(residuals(start) ** 2) == pytest.approx(squares, rel=1e-9)
        low, high = np.r_[np.zeros(len(c)), bounds[:, 0]], np.r_[np.full(len(c), np.inf), bounds[:, 1]]
        better = least_squares(residuals, np.clip(start, low + 1e-12, high - 1e-12), bounds=(low, high))
        assert squares <= 2 * better.cost * (1 + 1e-3)
