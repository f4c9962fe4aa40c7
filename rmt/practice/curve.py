"""Learning curves of deliberate practice: exact limits of ridge classifiers on a pool that grows by chosen rows."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rmt._check import Array
from rmt.practice.additions import Addition, PlaneMoments, plain_rows, plane_moments
from rmt.practice.plan import Plan, Weights, plan
from rmt.practice.recursion import Fits, Rounds, add_fit, direction, no_fits
from rmt.practice.retirement import Retire, SampledRound, add_sampled_fit, retire
from rmt.practice.rows import draw

__all__ = ["Curve", "learning_curve", "solve"]

_LEAST_SINE = 3e-8  # sin of a direction whose 1 - cos is lost to rounding


@dataclass(frozen=True)
class Curve:
    """The limits of all fits of a practice.

    Args:
        rows: rows per dimension of each round, shape (K,).
        alignment: cos(w_k, w_0) of each fit, shape (K,).
        error_rate: arccos(alignment)/pi, computed without cancellation, shape (K,).
        stderr: standard error of `error_rate`, shape (K,): 0, unless rows retire and expectations are sampled.
        overlaps: <w_j, w_k>, shape (K + 1, K + 1), with the truth, |w_0| = 1, at index 0.
        memory: chi_kj, the response of fit k to a field on fit j, shape (K, K), lower triangular.
        quadrature_error: largest estimated error of the entries of S and b over all rounds; 0 without guidance.
    """

    rows: Array
    alignment: Array
    error_rate: Array
    stderr: Array
    overlaps: Array
    memory: Array
    quadrature_error: float

    @property
    def accuracy(self) -> Array:
        """1 - error_rate, the test accuracy of each fit, shape (K,)."""
        return 1 - self.error_rate


def learning_curve(
    rows: Sequence[float] | Array,
    ridge: float | Sequence[float] | Array,
    additions: Addition | Sequence[Addition],
    weights: Weights = "accumulate",
    *,
    first: Addition | None = None,
    flips: float = 0.0,
) -> Curve:
    """Compute accuracy = 1 - arccos(R_0k/sqrt(R_kk))/pi of every fit k = 1 ... K on a growing pool, as d -> infinity.

    Round 0 is plain. Classifier w_k is the ridge regression on the rounds before it, its penalty relative to the sum of
    their weights; round k is made along w_k: pruned (fresh N(0, I) rows, of which the rule keeps those near or far from
    the boundary of w_k), or guided (DDIM with the exact class-conditional score, moved along the entropy gradient of
    w_k). The equations are in `rmt.practice.recursion`, and derived in docs/theory_of_practice.md.

    Args:
        rows: n_r = P_r/d, rows per dimension that round r adds, (K,), > 0. A pruned round counts kept rows.
        ridge: lam > 0, one for all fits or one for each, (K,): penalty per row of the pool,
            (X'VX/N_k + lam I) w = X'Vy/N_k with N_k = d sum_r v_kr n_r.
        additions: the mechanism of rounds 1 to K - 1, or a list of K - 1 of them: any keep rule of `rmt`, `Guided`,
            `Plain`.
        weights: v[k-1, r] of round r's rows in fit k: "accumulate", 1 for all r < k; "replace", 1 for r = k - 1; or
            numbers >= 0, a (K, K) array or a list of K rows, row k of at least k numbers, 0 where r >= k; or `Retire`,
            with which the rows that the latest fit is most certain of leave the pool before a round is added.
        first: the plain first round; by default N(0, I) rows where additions are pruned, and plain rows of the same
            sampler where the first guided addition has one.
        flips: share of labels that are wrong, in [0, 1/2), whatever the row: b becomes (1 - 2 flips) b, and S and
            E[y^2] = 1 stay.

    Returns:
        `Curve`, with one entry per fit.

    Limits: "replace" is `rmt.adaptive.recursion`; plain additions with all weights equal are `rmt.error_rate` of the
    whole pool. Accuracy: rounding, 1e-12, where rows are plain or pruned; with guidance the quadrature's error, see
    `Guided.tolerance`. Practice at finite d differs by O(1/d): .0001 to .001 at d = 128, more where a pool has about d
    rows and the ridge is small. Range: checked by simulation for ridge 1e-6 to .1, pools of .5 d to 64 d rows, kappa up
    to .8; kappa = omega sqrt(d) and all n_r are fixed as d grows.

    Raises:
        ValueError: rows or ridge not positive, a first round that is not plain, lists of the wrong length, weights that
            are negative, see later rounds or leave a fit without rows, or a classifier whose angle to the truth is lost
            to rounding (below 3e-8) and is no direction for a further round.

    >>> import rmt
    >>> curve = learning_curve(rows=(2, 2, 2), ridge=1e-2, additions=rmt.KeepHard(0.5))
    >>> curve.accuracy.round(6).tolist()
    [0.796854, 0.88939, 0.924081]
    >>> learning_curve(rows=(2, 2), ridge=1e-2, additions=rmt.practice.Guided(0.3, steps=20)).accuracy.round(4).tolist()
    [0.8028, 0.9002]
    """
    return solve(plan("rmt.practice.learning_curve", rows, ridge, additions, weights, first, flips), "rmt.practice")


def solve(practice: Plan, where: str) -> Curve:
    """Solve the equations of a checked practice; pools that retire rows are sampled several times and averaged."""
    if not isinstance(practice.weights, Retire):
        fits, errors, quadrature_error = _exact(practice, practice.weights, where)
        stderr = np.zeros(len(errors))
    else:
        sampling = practice.weights
        children = np.random.default_rng(sampling.seed).spawn(sampling.repeats)
        repeats = [_sampled(practice, sampling, child, where) for child in children]
        samples = np.array([errors for _, errors in repeats])  # (repeats, K)
        errors, stderr = samples.mean(axis=0), samples.std(axis=0, ddof=1) / np.sqrt(len(samples))
        fits = Fits(*(np.mean(matrices, axis=0) for matrices in zip(*(fits for fits, _ in repeats), strict=True)))
        quadrature_error = 0.0
    return Curve(practice.rows, np.cos(np.pi * errors), errors, stderr, fits.R, fits.chi, quadrature_error)


def _exact(practice: Plan, weights: Array, where: str) -> tuple[Fits, Array, float]:
    """Solve by closed forms; return the fits, their error rates and the largest error of a quadrature."""
    fits, errors = no_fits(), []
    moments: list[PlaneMoments] = []
    inverse, cotangent = np.zeros(len(practice.rows)), np.zeros(len(practice.rows))
    for k, addition in enumerate(practice.additions):
        cos, sin, inverse[k], cotangent[k] = _direction(fits.R, where)
        moments.append(plane_moments(addition, cos, sin))
        seen = slice(k + 1)
        S = np.stack([part.S for part in moments])
        b = (1 - 2 * practice.flips) * np.stack([part.b for part in moments])
        c2 = np.array([part.c**2 for part in moments])
        rounds = Rounds(practice.rows[seen], S, b, c2, inverse[seen], cotangent[seen])
        fits = add_fit(fits, rounds, weights[seen, seen], practice.ridge[k])
        errors.append(_error_rate(fits.R, where))
    return fits, np.array(errors), max(part.error for part in moments)


def _sampled(practice: Plan, weights: Retire, rng: np.random.Generator, where: str) -> tuple[Fits, Array]:
    """Solve by sampled rows, the most certain of which retire after a fit; return the fits and their error rates."""
    fits, errors = no_fits(), []
    rounds: list[SampledRound] = []
    for n, ridge, addition in zip(practice.rows.tolist(), practice.ridge.tolist(), practice.additions, strict=True):
        cos, sin, inverse, cotangent = _direction(fits.R, where)
        if rounds:
            retire(rounds, weights.share)
        x, y = draw(addition, np.array([cos, sin]), weights.sample, rng, practice.flips)
        if not rounds:
            x[:, 1] = 0.0  # the first round has no plane: this coordinate is one of the bulk
        c2 = plane_moments(plain_rows(addition), cos, sin).c ** 2
        none = np.empty((weights.sample, 0))
        rounds.append(SampledRound(weights.sample, n, c2, inverse, cotangent, y, x, none, none))
        fits = add_sampled_fit(fits, rounds, ridge, rng)
        errors.append(_error_rate(fits.R, where))
    return fits, np.array(errors)


def _direction(R: Array, where: str) -> tuple[float, float, float, float]:
    """Return cos, sin, 1/(|w| sin) and cos/sin of the latest classifier; (1, 0, 0, 0) before the first fit."""
    if len(R) == 1:
        return 1.0, 0.0, 0.0, 0.0
    cos, sin, length = direction(np, R[0, -1], R[-1, -1])
    if not sin > _LEAST_SINE:
        raise ValueError(
            f"{where}: got an angle of {sin:.2g} between the truth and fit {len(R) - 1}; allowed at least "
            f"{_LEAST_SINE:g}, as it is lost to rounding below; do end the practice with this fit"
        )
    return cos, sin, 1 / (length * sin), cos / sin


def _error_rate(R: Array, where: str) -> float:
    """Return the error rate of the latest fit; ValueError where the overlaps have left double precision."""
    if not (np.isfinite(R).all() and R[-1, -1] > 0):
        raise ValueError(
            f"{where}: got rows, ridge or weights so extreme that fit {len(R) - 1} leaves the range of double "
            "precision; allowed ridge 1e-12 to 1e6, rows per dimension 1e-3 to 1e6; do stay nearer it"
        )
    cos, sin, _ = direction(np, R[0, -1], R[-1, -1])
    return float(np.arctan2(sin, cos) / np.pi)
