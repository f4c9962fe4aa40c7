"""Misprints of arXiv 2502.15588: the value of each formula as printed, corrected, and measured by simulation."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from rmt import covariance
from rmt._check import Array
from rmt.generalization import error_rate, margin_moments
from rmt.marchenko_pastur import spectral
from rmt.monte_carlo import Estimate, draws, estimate, simulate
from rmt.problem import Problem
from rmt.pruning import KeepHard, sine
from rmt.quadrature_rules import SoftKeep
from rmt.reduced import ReducedData, seconds_needed, trial

__all__ = ["Erratum", "errata"]


class Erratum(NamedTuple):
    """One misprint, and three values of the affected quantity.

    `printed` is None where the printed formula cannot be evaluated. `measured` is Monte Carlo, +- `stderr`.
    """

    where: str
    misprint: str
    problem: str
    printed: float | None
    corrected: float
    measured: float
    stderr: float


def errata(trials: int = 40, *, rng: np.random.Generator) -> list[Erratum]:
    """Return every known misprint with its values, at a problem where it shows.

    Theorem 1 in the first version assumes a Gaussian margin, and squares om = sqrt(1-rho^2) beta and om_t = rho beta_t
    in both its moments, where its own proof has m0 = om m + om_t mt and r = beta^2 m + beta_t^2 mt. Corollary 2 prints
    s for mt = 1/(s - z). The m' of Lemma 6 cannot be used as printed. Appendix B multiplies r0 by a beta^2 that r0
    already contains. Proposition 1 has z I inside Sigma^{1/2} (.) Sigma^{1/2}, which makes it z Sigma: correct only for
    Sigma = I, where delta = phi m.

    Args:
        trials: number of Monte-Carlo data sets per row.
        rng: parent of one child generator per row.

    Accuracy: corrected values to rounding; measured values differ by O(1/d) in addition to their standard error.

    >>> rows = errata(4, rng=np.random.default_rng(0))
    >>> [f"{rows[0].printed:.4f}", f"{rows[0].corrected:.4f}"]
    ['0.0960', '0.0325']
    """
    children = iter(rng.spawn(7))
    perfect = Problem(n=3000, d=350, ridge=1e-6, rule=KeepHard(0.3), rho=1.0)
    usual = Problem(n=3000, d=350, ridge=1e-2, rule=KeepHard(0.3), rho=0.9)
    few = Problem(n=400, d=300, ridge=1e-6, rule=KeepHard(0.5), rho=0.9)
    return [
        _error_law(perfect, trials, next(children)),
        *_theorem_1(usual, trials, next(children)),
        _corollary_2(perfect, trials, next(children)),
        _lemma_6(usual, trials, next(children)),
        _appendix_b(few, trials, next(children)),
        _proposition_1(trials, next(children)),
    ]


def _parameters(problem: Problem) -> str:
    """Return the parameters as text, with rho only where the pruner's direction matters."""
    kept = "hardest" if isinstance(problem.rule, KeepHard) else "by coin"
    rho = f", rho={problem.rho:g}" if kept == "hardest" else ""
    return f"n={problem.n:g}, d={problem.d:g}, ridge={problem.ridge:g}, keep {100 * problem.rule.p:g} % {kept}{rho}"


def _row(
    where: str, misprint: str, problem: str, printed: float | None, corrected: float, measured: Estimate
) -> Erratum:
    return Erratum(where, misprint, problem, printed, corrected, measured.mean, measured.stderr)


def _error_law(problem: Problem, trials: int, rng: np.random.Generator) -> Erratum:
    printed, exact = (float(np.asarray(error_rate(problem, law=law))) for law in ("gaussian_margin", "arccos"))
    misprint = "test error: Phi(-M/sqrt(nu0 - M^2)), for arccos(m0/sqrt(nu0))/pi"
    measured = simulate(problem, trials, rng=rng)
    return _row("Theorem 1, first version", misprint, _parameters(problem), printed, exact, measured)


class _Terms(NamedTuple):
    """The terms of Theorem 1, named as in the paper."""

    m: float
    m_prime: float
    delta: float
    s: float
    mt: float
    mt_prime: float
    gamma: float
    beta: float
    beta_t: float


def _terms(problem: Problem) -> _Terms:
    p, gamma, beta, beta_t = (float(v) for v in problem.rule.moments(problem.cosines[2]))
    m, m_prime, delta = (float(v) for v in spectral(p, problem.phi, problem.ridge))
    s = gamma / (1 + delta)
    mt = 1 / (s + float(problem.ridge))
    mt_prime = mt**2 * (1 + s * float(problem.phi) * m_prime / (1 + delta))
    return _Terms(m, m_prime, delta, s, mt, mt_prime, gamma, beta, beta_t)


def _weights(problem: Problem, trials: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Measure (1+delta) <w, w_0> and (1+delta)^2 |w|^2 of each trial; m0 and nu0 are their limits."""
    n, d, lam, rho = (float(np.asarray(v)) for v in (problem.n, problem.d, problem.ridge, problem.cosines[2]))
    label = rho, float(sine(rho))
    truth = (*label, 0.0)
    data = ReducedData(n=int(n), d=int(d), lam=lam, rule=problem.rule, label_aware=False, label=label, truth=truth)
    seconds = seconds_needed(n, d, float(problem.rule.p))
    along, across = draws(trial, data, trials, rng, "rmt.errata", seconds).T * (1 + _terms(problem).delta)
    return along, along**2 + across**2


def _theorem_1(problem: Problem, trials: int, rng: np.random.Generator) -> list[Erratum]:
    q, (m0, nu0) = _terms(problem), margin_moments(problem)
    om2, om_t2 = ((f * b) ** 2 for f, b in ((sine(problem.cosines[2]), q.beta), (problem.cosines[2], q.beta_t)))
    r, r_prime = om2 * q.m + om_t2 * q.mt, om2 * q.m_prime + om_t2 * q.mt_prime
    phi = float(problem.phi)
    nu0_printed = float(problem.rule.p) * phi * q.m_prime + r_prime - 2 * phi * q.m_prime * r / (1 + q.delta)
    along, square = _weights(problem, trials, rng)
    mean = np.sqrt(2 / np.pi)
    where, parameters = "Theorem 1, first version", _parameters(problem)
    first = "M: sqrt(2/pi) r, for sqrt(2/pi) (om m + om_t mt)"
    second = "nu0: r = om^2 m + om_t^2 mt, for beta^2 m + beta_t^2 mt"
    return [
        _row(where, first, parameters, float(mean * r), float(mean * m0), estimate(mean * along)),
        _row(where, second, parameters, float(nu0_printed), float(nu0), estimate(square)),
    ]


def _corollary_2(problem: Problem, trials: int, rng: np.random.Generator) -> Erratum:
    q = _terms(problem)
    along, _ = _weights(problem, trials, rng)
    misprint = "m0 for a perfect pruner: beta_t s, for beta_t mt"
    return _row("Corollary 2", misprint, _parameters(problem), q.beta_t * q.s, q.beta_t * q.mt, estimate(along))


def _appendix_b(problem: Problem, trials: int, rng: np.random.Generator) -> Erratum:
    q, p, phi, lam = _terms(problem), float(problem.rule.p), float(problem.phi), float(problem.ridge)
    c0, c1 = 1 - p / phi, 1 - (p - q.gamma) / phi
    r0 = q.beta**2 + q.beta_t**2 / c1
    _, square = _weights(problem, trials, rng)
    misprint = "lim lam^2 nu0, phi > p: (p phi - beta^2 r0) c0, for (p phi - r0) c0"
    printed, corrected = (p * phi - q.beta**2 * r0) * c0, (p * phi - r0) * c0
    return _row("Appendix B", misprint, _parameters(problem), printed, corrected, estimate(lam**2 * square))


def _lemma_6(problem: Problem, trials: int, rng: np.random.Generator) -> Erratum:
    """Measure m' with samples kept by coin: it belongs to the directions that no rule distinguishes."""
    blind = replace(problem, rule=SoftKeep(problem.rule.p, power=0.0))
    lam, spectra = float(blind.ridge), _spectra(blind, np.ones(int(blind.d)), trials, rng)
    measured = estimate(np.array([np.mean((eigenvalues + lam) ** -2.0) for eigenvalues, _ in spectra]))
    misprint = "m': not usable as printed, for m^2 (1+delta)/(1 - z m delta)"
    return _row("Lemma 6", misprint, _parameters(blind), None, _terms(blind).m_prime, measured)


def _proposition_1(trials: int, rng: np.random.Generator) -> Erratum:
    d, rule, values = 200, SoftKeep(0.5, power=0.0), covariance.power_law(200, 0.8)
    problem = Problem(n=600, d=d, ridge=0.1, rule=rule)
    corrected = covariance.solve(problem, eigenvalues=values, w0=np.ones(d), ws=np.ones(d)).delta
    printed = float(spectral(rule.p, problem.phi, problem.ridge).delta)
    spectra = _spectra(problem, values, trials, rng)
    traces = [np.sum(values @ axes**2 / (eigenvalues + float(problem.ridge))) / 600 for eigenvalues, axes in spectra]
    misprint = "delta = tr(Sigma R)/n: phi m, for the root of delta = tr(Sigma (p Sigma/(1+delta) + lam I)^-1)/n"
    parameters = f"{_parameters(problem)}, eigenvalues ~ k^-0.8"
    measured = estimate(np.array(traces))
    return _row("Proposition 1", misprint, parameters, printed, float(np.asarray(corrected)), measured)


def _spectra(problem: Problem, values: Array, trials: int, rng: np.random.Generator) -> list[tuple[Array, ...]]:
    """Draw X'DX/n, rows of covariance diag(values) kept with probability p by coin; return eigenvalues and vectors."""
    spectra = []
    with threadpool_limits(limits=1, user_api="blas"):
        for child in rng.spawn(trials):
            N = child.binomial(int(problem.n), float(problem.rule.p))
            X = child.standard_normal((N, len(values))) * np.sqrt(values)
            spectra.append(tuple(np.linalg.eigh(X.T @ X / float(problem.n))))
    return spectra
