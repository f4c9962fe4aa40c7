"""m(-lam) and m'(-lam): the residual of their equation, derivatives in 50 digits, limits, a drawn matrix."""

from itertools import product

import mpmath as mp
import numpy as np
import pytest

from rmt.marchenko_pastur import spectral

GRID = np.array(list(product((1e-6, 0.3, 1.0), (1e-6, 0.3, 2.0, 1e6), (1e-12, 1e-3, 1e6))))  # p, phi, lam


def test_the_root_solves_its_equation():
    """m solves 1/m = p/(1 + phi m) + lam, whose terms are positive, so that a relative residual is meaningful."""
    p, phi, lam = GRID.T
    m, _, delta = spectral(p, phi, lam)
    assert (m > 0).all()
    np.testing.assert_allclose(delta, phi * m)
    np.testing.assert_allclose(1 / m, p / (1 + phi * m) + lam, rtol=1e-14)


@pytest.mark.parametrize(("p", "phi", "lam"), GRID)
def test_root_and_derivative_against_50_digits(p, phi, lam):
    def m(z):
        b = mp.mpf(p) - mp.mpf(phi) - z
        return (b - mp.sqrt(b**2 - 4 * mp.mpf(phi) * z)) / (2 * mp.mpf(phi) * z)  # Lemma 3 as printed

    with mp.workdps(60):
        z = -mp.mpf(lam)
        b = mp.mpf(p) - mp.mpf(phi) - z
        root = mp.sqrt(b**2 - 4 * mp.mpf(phi) * z)
        # derivative of the printed root by the quotient rule
        slope = ((-1 - (-2 * b - 4 * mp.mpf(phi)) / (2 * root)) * z - (b - root)) / (2 * mp.mpf(phi) * z**2)
        got = spectral(p, phi, lam)
        np.testing.assert_allclose([got.m, got.m_prime], [float(m(z)), float(slope)], rtol=1e-13)


def test_limits():
    m = spectral(0.5, 0.2, 1e-12)
    np.testing.assert_allclose([m.m, m.m_prime], [1 / 0.3, 0.5 / 0.3**3], rtol=1e-10)  # lam -> 0, phi < p
    m = spectral(0.2, 0.5, 1e-12)
    np.testing.assert_allclose([1e-12 * m.m, 1e-24 * m.m_prime], [0.6, 0.6], rtol=1e-10)  # lam -> 0, phi > p
    m = spectral(0.3, 0.3, 1e-12)
    np.testing.assert_allclose(m.m, 1 / np.sqrt(0.3e-12), rtol=1e-5)  # lam -> 0 at the interpolation threshold
    m = spectral(0.7, 0.5, 1e12)
    np.testing.assert_allclose([1e12 * m.m, 1e24 * m.m_prime], 1, rtol=1e-10)  # lam -> inf
    m = spectral(0.7, 1e-12, 0.5)
    np.testing.assert_allclose([m.m, m.m_prime], [1 / 1.2, 1 / 1.2**2], rtol=1e-10)  # phi -> 0


def test_trace_of_a_drawn_resolvent():
    """tr (X'DX/n + lam I)^{-1} / d -> m and its square -> m', at kept fraction p."""
    rng, n, d, p, lam = np.random.default_rng(0), 1600, 400, 0.5, 0.05
    X = rng.standard_normal((int(p * n), d))
    eigenvalues = np.linalg.eigvalsh(X.T @ X / n) + lam
    m, m_prime, _ = spectral(p, d / n, lam)
    np.testing.assert_allclose([np.mean(1 / eigenvalues), np.mean(1 / eigenvalues**2)], [m, m_prime], rtol=0.01)
