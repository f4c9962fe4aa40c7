"""Theorem 1: from the moments of a selection to the test error of the ridge classifier."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from scipy.special import ndtr

from rmt import convex
from rmt._check import Array, Values, finite, plain, shown
from rmt.curation import coordinates, label_aware
from rmt.marchenko_pastur import spectral
from rmt.problem import Problem, squared_only

__all__ = [
    "Law",
    "Margin",
    "Selection",
    "angle",
    "checked",
    "combine",
    "error_rate",
    "margin",
    "margin_moments",
    "selection",
]

Law = Literal["arccos", "gaussian_margin"]


@dataclass(frozen=True)
class Selection:
    """The moments of the kept samples that determine the law, and the truth, on the span of the k special directions.

    Coordinates are along an orthonormal basis of that span in which S is diagonal.

    Args:
        p: E[q], shape (...).
        S: eigenvalues of E[q x x'] on the span, shape (..., k).
        c: E[q y x] on the span, shape (..., k).
        t: w_*/||w_*||, shape (..., k).
    """

    p: Array
    S: Array
    c: Array
    t: Array


class Margin(NamedTuple):
    """m0, nu0 and nu0 - m0^2; the last is computed as a sum of squares."""

    m0: Array
    nu0: Array
    excess: Array


def margin(sel: Selection, phi: Values, lam: Values) -> Margin:
    """m0 = t'Rc and nu0 = |Rc|^2 + phi m' Q: limits of (1+delta) <w, t> and (1+delta)^2 ||w||^2.

    R = (S/(1+delta) + lam I)^{-1}, and Q = E[q (y - c'Rx/(1+delta))^2] = p - c'R(I + lam R)c/(1+delta) is the squared
    residual over kept samples of Rc/(1+delta), w on the special directions; it feeds the noise of w on the others.

    Theorem 1 of arXiv 2502.15588 (k = 2, S = (gamma, p)) writes nu0 = p phi m' + r' - 2 phi m' r/(1 + phi m), that is
    p phi m' + c'R (I + S phi m'/(1+delta)^2) Rc - 2 phi m' c'Rc/(1+delta). Without |Rc|^2 it is phi m' times
    p - 2 c'Rc/(1+delta) + c'RSRc/(1+delta)^2 = Q, and S/(1+delta) = R^{-1} - lam I gives Q its short form, in which no
    large terms cancel.
    """
    _, m_prime, delta = spectral(sel.p, phi, lam)
    lam_, delta_ = np.asarray(lam)[..., None], delta[..., None]
    R = 1 / (sel.S / (1 + delta_) + lam_)
    return combine(sel, R, lam_ * R, R / (1 + delta_), np.asarray(phi) * m_prime)


def combine(sel: Selection, R: Array, lam_R: Array, shrunk_R: Array, phi_m_prime: Array) -> Margin:
    """Return the margin for given R, lam R, R/(1+delta) and phi m', of which `rmt.limits` passes limits.

    nu0 - m0^2 = |Rc - t t'Rc|^2 + phi m' Q, its first term by Lagrange's identity. A factor k in R and k^2 in phi m'
    gives m0 a factor k and nu0 a factor k^2; the error rate does not change.
    """
    Rc = R * sel.c
    Q = sel.p - np.sum(sel.c**2 * shrunk_R * (1 + lam_R), axis=-1)
    noise = phi_m_prime * Q
    m0 = np.sum(sel.t * Rc, axis=-1)
    i, j = np.triu_indices(sel.t.shape[-1], 1)
    across = np.sum((Rc[..., i] * sel.t[..., j] - Rc[..., j] * sel.t[..., i]) ** 2, axis=-1)
    return Margin(m0, np.sum(Rc**2, axis=-1) + noise, across + noise)


def selection(problem: Problem) -> Selection:
    """Return the selection of a problem, along w_s, the rest of w_g and, if there is any, the rest of w_*.

    With a perfect generator S = diag(gamma, p), c = (beta_t, beta), t = (rho, sqrt(1-rho^2)): Theorem 1. In general
    gamma, beta and beta_t are taken at the pruner-generator cosine, or are label-aware, and c is 0 along the rest of
    w_* (arXiv 2511.03492).

    >>> import rmt
    >>> selection(rmt.Problem(n=2, d=1, ridge=1, rule=rmt.KeepAll(), rho=0.6)).t
    array([0.6, 0.8])
    """
    agreement = problem.cosines[2]
    t1, t2, t3 = coordinates(*problem.cosines)
    if problem.label_aware:
        p, S, c, cos, sin = label_aware(problem.rule, agreement)
        t1, t2 = cos * t1 + sin * t2, cos * t2 - sin * t1
    else:
        p, gamma, beta, beta_t = problem.rule.moments(agreement)
        S, c = (gamma, p), (beta_t, beta)
    third = bool(np.any(t3))  # else the plane of w_s and w_g holds w_*
    return Selection(
        p,
        _stack(*S, p) if third else _stack(*S),
        _stack(*c, np.asarray(0.0)) if third else _stack(*c),
        _stack(t1, t2, t3) if third else _stack(t1, t2),
    )


def margin_moments(problem: Problem) -> tuple[Values, Values]:
    """(m0, nu0) with error arccos(m0 / sqrt(nu0)) / pi: Theorem 1 of arXiv 2502.15588.

    <w, w_0>/||w_0|| -> m0/(1 + phi m) and ||w||^2 -> nu0/(1 + phi m)^2 as n, d -> infinity at fixed phi = d/n.

    Args:
        problem: any `Problem`; arrays broadcast.

    Returns:
        Two floats, or two arrays of `problem.shape`.

    Accuracy: as for `error_rate`, with one exception: within sqrt(phi lam) of p = phi both moments amplify the relative
    rounding of d/n by up to 1/sqrt(phi lam) (1e-10 at ridge 1e-12).

    Raises:
        ValueError: the parameters leave the range of double precision, or the loss is not the squared one.

    >>> import rmt
    >>> problem = rmt.Problem(n=10, d=1, ridge=0.01, rule=rmt.KeepHard(0.3), rho=0.9)
    >>> m0, nu0 = rmt.margin_moments(problem)
    >>> round(m0, 5), round(nu0, 5)
    (1.45943, 2.66824)
    """
    m0, nu0, _ = (np.broadcast_to(v, problem.shape).copy() for v in _margin(problem, "rmt.margin_moments"))
    return plain(m0), plain(nu0)


def error_rate(problem: Problem, law: Law = "arccos") -> Values:
    """arccos(m0 / sqrt(nu0)) / pi: the limiting test error of the classifier (Theorem 1 of arXiv 2502.15588).

    For Gaussian x the error of a linear classifier is exactly its angle to the truth over pi; m0 and nu0 give the limit
    of the angle as n, d -> infinity at fixed d/n. `law="gaussian_margin"` is the law of the preprint's first version,
    Phi(-M / sqrt(nu0 - M^2)) with M = sqrt(2/pi) m0, for comparison. It assumes that the margin y <x, w> is Gaussian,
    which it is not: that law is close at large errors and wrong at small ones (it never falls below 9.2 %).
    For losses other than the squared one the angle comes from the equations of `rmt.convex`.

    Args:
        problem: any `Problem`; arrays broadcast.
        law: "arccos" (exact) or "gaussian_margin" (first version of the preprint).

    Returns:
        A float, or an array of `problem.shape`, in [0, 1]; 1/2 is chance.

    Limits: lam -> 0 is Corollary 1; phi -> 0 the population's ridge regression; lam -> inf the sum of signed samples.
    Accuracy: rounding, below 1e-11 relative for ridge in [1e-12, 1e6], d/n in [1e-6, 1e6], keep fractions in [1e-6, 1]
    and any rho; for other losses 1e-6, checked at each point, and typically 1e-10. A finite simulation differs by
    O(1/d).

    Raises:
        ValueError: an unknown law, parameters that leave the range of double precision, or a ridge below 1e-24 with a
            loss that has no minimiser without one.
        ArithmeticError: the equations of another loss were not solved; it names their residual and the iterations.

    >>> import rmt
    >>> problem = rmt.Problem(n=10, d=1, ridge=0.01, rule=rmt.KeepHard(0.3), rho=0.9)
    >>> round(rmt.error_rate(problem), 6), round(rmt.error_rate(problem, law="gaussian_margin"), 6)
    (0.148279, 0.154696)
    """
    if law not in ("arccos", "gaussian_margin"):
        raise ValueError(
            f"rmt.error_rate: got law={shown(law)}; allowed 'arccos', 'gaussian_margin'; do use 'arccos', the exact law"
        )
    if law == "arccos" and not problem.loss_function.squared:
        return convex.error_rate(problem)
    result = _margin(problem, "rmt.error_rate")
    if law == "arccos":
        return plain(angle(result))
    # nu0 - M^2 = (nu0 - m0^2) + (1 - 2/pi) m0^2
    return plain(ndtr(-np.sqrt(2 / np.pi) * result.m0 / np.sqrt(result.excess + (1 - 2 / np.pi) * result.m0**2)))


def angle(result: Margin) -> Array:
    """arccos(m0 / sqrt(nu0)) / pi, without cancellation at small angles."""
    return np.arctan2(np.sqrt(result.excess), result.m0) / np.pi


def checked(result: Margin, where: str) -> Margin:
    """Return the margin; ValueError where it leaves the range of double precision, or nu0 underflows to 0."""
    with np.errstate(all="ignore"):
        finite(where, *result, np.log(result.nu0))
    return result


def _margin(problem: Problem, where: str) -> Margin:
    squared_only(problem, where)
    sel = selection(problem)
    with np.errstate(all="ignore"):  # overflows show in the results
        return checked(margin(sel, problem.phi, problem.ridge), where)


def _stack(*components: Values) -> Array:
    return np.stack(np.broadcast_arrays(*components), axis=-1)
