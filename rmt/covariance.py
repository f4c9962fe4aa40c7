"""General covariance: the exact law for x ~ N(0, Sigma), at a cost of O(d) per evaluation.

Everything is given in the eigenbasis of Sigma: its eigenvalues, the truth w_0 and the pruning direction w_s. White
coordinates are Sigma^{-1/2} x; e_s and e_0 are the unit vectors along Sigma^{1/2} w_s and Sigma^{1/2} w_0 there, e_r
completes e_0 in their plane, and rho = e_s'e_0. With gamma, beta, beta_t of the rule at rho (`rmt.pruning`),

    S = E[q x x'] = p Sigma + (gamma - p) Sigma^{1/2} e_s e_s' Sigma^{1/2}
    c = E[q y x] = Sigma^{1/2} (beta_t e_s + beta e_r)

Deterministic equivalents of the resolvent F = (X'DX/n + lam I)^{-1}, with T = (p Sigma/(1+delta) + lam I)^{-1}:

    delta = tr(Sigma T)/n                        the unique positive root; only the eigenvalues matter
    E[F] -> R = (S/(1+delta) + lam I)^{-1}
    psi = tr(Sigma T Sigma T)/n,   kappa = p psi/(1+delta)^2,   tr(Sigma E[F Sigma F])/n -> psi/(1-kappa)
    E[F Sigma F] -> R Sigma R + psi/((1-kappa)(1+delta)^2) R S R

so that m0 = c' R Sigma w_0/||w_0||_Sigma, nu0 = |R c|_Sigma^2 + psi/(1-kappa) Q with the squared residual
Q = p - (c'R c + lam |R c|^2)/(1+delta), and the error is arccos(m0/sqrt(nu0))/pi: the isotropic law
(`rmt.generalization.margin`) with phi m' replaced by psi/(1-kappa). R is diagonal plus rank one: no matrix is formed.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from rmt import dense
from rmt._check import Array, Values, finite, first, frozen, number, plain, require, whole
from rmt.generalization import Margin, angle, checked
from rmt.monte_carlo import Estimate, draws, estimate, finite_sizes
from rmt.problem import Problem, squared_only
from rmt.resources import require_memory

__all__ = ["Solution", "error_rate", "power_law", "simulate", "solve"]

_TOLERANCE = 1e-13  # largest relative residual of the fixed point


@dataclass(frozen=True)
class Solution:
    """The error rate, its moments and their convergence; each field a number or an array of the problem's shape.

    Args:
        value: error rate.
        m0, nu0: moments of the margin.
        rho: cosine of w_s and w_0 in the metric of Sigma.
        delta: root of the fixed-point equation.
        residual: |tr(Sigma T)/n - delta| / delta at that root.
        iterations: number of Newton steps.
        converged: whether the residual is at most 1e-13, or as small as rounding allows.
    """

    value: Values
    m0: Values
    nu0: Values
    rho: float
    delta: Values
    residual: Values
    iterations: Any
    converged: Any


class _Geometry(NamedTuple):
    """Eigenvalues of Sigma, and e_s, e_r, e_0 in white coordinates, each of shape (d,), with rho = e_s'e_0."""

    eigenvalues: Array
    e_s: Array
    e_r: Array
    e_0: Array
    rho: float


def power_law(d: int, exponent: float) -> Array:
    """Return the eigenvalues k^-exponent, k = 1 ... d, scaled to mean 1, shape (d,).

    Raises:
        ValueError: d not a whole number >= 1 or too large for the memory, an exponent that is not one finite number, or
            eigenvalues that leave the range of double precision.

    >>> power_law(3, 1.0).round(4).tolist()
    [1.6364, 0.8182, 0.5455]
    """
    where = "rmt.covariance.power_law"
    rate = number(where, "exponent", exponent)
    require_memory(24 * whole(where, "d", d, 1, "pass the dimension"), f"d={d}", where, "lower d")
    with np.errstate(all="ignore"):  # overflows show in the results
        values = np.arange(1, d + 1) ** -rate
        values = values / values.mean()
    allowed = "exponents whose d eigenvalues are finite and > 0 (|exponent| log10(d) up to about 300)"
    require(np.all((values > 0) & np.isfinite(values)), where, f"d={d}, exponent", rate, allowed, "go nearer to 0")
    return values


def error_rate(problem: Problem, *, eigenvalues: Any, w0: Any, ws: Any, max_iterations: int = 100) -> Values:
    """arccos(m0 / sqrt(nu0)) / pi for x ~ N(0, diag(eigenvalues)): the limiting test error, at O(d) per evaluation.

    Args:
        problem: any `Problem` without rho (it follows from the vectors) and with a perfect generator; arrays broadcast.
        eigenvalues: eigenvalues of Sigma, > 0, shape (problem.d,), e.g. `power_law(d, 0.8)`.
        w0, ws: truth and pruning direction in Sigma's eigenbasis, shape (d,), of any length > 0.
        max_iterations: most Newton steps for the fixed point.

    Returns:
        A float, or an array of `problem.shape`, in [0, 1].

    Limits: equal eigenvalues give `rmt.error_rate` at rho = cos(ws, w0). Accuracy: rounding, as for `rmt.error_rate`;
    rho is computed to rounding, so the angle of a pruner within 1e-8 of perfect is not resolved. A finite simulation
    differs by O(1/effective dimension).

    Raises:
        ValueError: bad shapes or values; a problem with rho, label checks, an imperfect generator or another loss.
        ArithmeticError: the fixed point did not converge; it names the residual and the iterations.

    >>> import rmt
    >>> d = 200
    >>> k = np.arange(1, d + 1)
    >>> problem = rmt.Problem(n=600, d=d, ridge=0.1, rule=rmt.KeepHard(0.5))
    >>> error = error_rate(problem, eigenvalues=power_law(d, 0.8), w0=np.ones(d), ws=1 + 0.5 * (-1.0) ** k)
    >>> round(error, 6)
    0.218314
    """
    solution = solve(problem, eigenvalues=eigenvalues, w0=w0, ws=ws, max_iterations=max_iterations)
    if failed := first(~np.asarray(solution.converged), solution.residual, solution.iterations):
        residual, steps = failed
        raise ArithmeticError(
            f"rmt.covariance.error_rate: got a fixed point with residual {residual:.3g} after {steps} iterations; "
            f"allowed at most {_TOLERANCE:g}; do raise max_iterations or use a larger ridge"
        )
    return solution.value


def solve(problem: Problem, *, eigenvalues: Any, w0: Any, ws: Any, max_iterations: int = 100) -> Solution:
    """Solve the fixed point for `error_rate`; arguments as there. `Solution.converged` is false where it failed."""
    where = "rmt.covariance.solve"
    geometry = _geometry(problem, eigenvalues, w0, ws, where)
    whole(where, "max_iterations", max_iterations, 1, "allow more steps")
    moments = problem.rule.moments(geometry.rho)
    fields = np.broadcast_arrays(*(np.asarray(v) for v in (problem.n, problem.ridge, *moments)))
    with np.errstate(all="ignore"):  # overflows show in the results
        rows = [
            _solve_one(geometry, max_iterations, *map(float, entry))
            for entry in zip(*(f.flat for f in fields), strict=True)
        ]
    kinds: list[Any] = [*[np.float64] * 5, np.int64, np.bool_]
    columns = [np.array([row[i] for row in rows], dtype=kind).reshape(problem.shape) for i, kind in enumerate(kinds)]
    m0, nu0, excess, delta, residual, iterations, converged = (column[()] for column in columns)
    result = checked(Margin(m0, nu0, excess), where)
    finite(where, delta, residual)
    return Solution(
        plain(angle(result)), plain(m0), plain(nu0), geometry.rho, plain(delta), plain(residual), iterations, converged
    )


def simulate(
    problem: Problem, trials: int = 50, *, eigenvalues: Any, w0: Any, ws: Any, rng: np.random.Generator
) -> Estimate:
    """Mean test error over `trials` draws for x ~ N(0, diag(eigenvalues)): `rmt.simulate` with dense trials.

    Args:
        problem: scalar `Problem` as for `error_rate`, with whole n and d.
        trials: number of independent data sets, >= 2.
        eigenvalues, w0, ws: as for `error_rate`.
        rng: parent of one child generator per trial.

    Accuracy: exact in law; `stderr` is the statistical error, and `mean` differs from `error_rate` by O(1/effective
    dimension).

    Raises:
        ValueError: as for `error_rate` and `rmt.simulate`.

    >>> import rmt
    >>> d = 60
    >>> problem = rmt.Problem(n=300, d=d, ridge=0.1, rule=rmt.KeepHard(0.5))
    >>> shape = {"eigenvalues": power_law(d, 0.8), "w0": np.ones(d), "ws": np.arange(d) + 1.0}
    >>> estimate = simulate(problem, trials=20, rng=np.random.default_rng(0), **shape)
    >>> abs(estimate.mean - error_rate(problem, **shape)) < 4 * estimate.stderr + 1 / d
    True
    """
    where = "rmt.covariance.simulate"
    n, d, lam = finite_sizes(problem, where)
    p = float(problem.rule.p)
    need = dense.bytes_needed(n, d, p, all_rows=False)
    require_memory(need, f"n={n}, d={d}", where, "lower n or d, or free memory")
    s, e_s, e_r, e_0, rho = _geometry(problem, eigenvalues, w0, ws, where)
    scale = np.sqrt(s)
    data = dense.DenseData(
        n=n,
        d=d,
        lam=lam,
        rule=problem.rule,
        label_aware=False,
        label=np.array([rho, float(np.linalg.norm(e_0 - rho * e_s))]),
        truth=e_0,
        shape=lambda rows: _turn(rows, e_s, e_r) * scale,
        scale=scale,
    )
    along, across = draws(dense.trial, data, trials, rng, where, dense.seconds_needed(n, d, p, newton=False)).T
    return estimate(np.arctan2(across, along) / np.pi)


def _geometry(problem: Problem, eigenvalues: Any, w0: Any, ws: Any, where: str) -> _Geometry:
    """Return the checked eigenvalues, and the directions in white coordinates."""
    squared_only(problem, where)
    if problem.rho is not None or problem.rho_agreement is not None:
        raise ValueError(
            f"{where}: got rho={problem.rho}, rho_agreement={problem.rho_agreement}; allowed neither; "
            "do leave them out: both follow from the vectors"
        )
    if problem.label_aware or np.any(np.asarray(problem.rho_generator) != 1):
        raise ValueError(
            f"{where}: got label_aware={problem.label_aware}, rho_generator={problem.rho_generator}; "
            "allowed a perfect generator without label checks; do use rmt.error_rate (isotropic) for others"
        )
    vectors = {
        name: np.asarray(frozen(where, name, value))
        for name, value in (("eigenvalues", eigenvalues), ("w0", w0), ("ws", ws))
    }
    d = np.unique(problem.d)
    for name, vector in vectors.items():
        if len(d) != 1 or vector.shape != (d[0],):
            raise ValueError(
                f"{where}: got {name} of shape {vector.shape} with d={problem.d}; allowed shape (d,) with one whole d; "
                "do give one number per dimension"
            )
    s, truth, pruner = vectors.values()
    require(s > 0, where, "eigenvalues", s, "finite values > 0", "leave out directions without variance")
    for name in ("w0", "ws"):
        require(vectors[name].any(), where, name, 0.0, "vectors other than 0", "pass a direction")
    e_0, e_s = (_unit(np.sqrt(s) * _unit(vector)) for vector in (truth, pruner))
    rho = float(np.clip(e_0 @ e_s, -1, 1))
    rest = e_0 - rho * e_s
    length = float(np.linalg.norm(rest))
    return _Geometry(s, e_s, rest / length if length > 0 else rest, e_0, rho)


def _unit(vector: Array) -> Array:
    """Normalise a vector without overflow."""
    vector = vector / np.abs(vector).max()
    return vector / np.linalg.norm(vector)


def _solve_one(
    geometry: _Geometry, max_iterations: int, n: float, lam: float, p: float, gamma: float, beta: float, beta_t: float
) -> tuple[float, ...]:
    """Return m0, nu0, nu0 - m0^2, delta, residual, iterations and converged, for scalar parameters."""
    s, e_s, e_r, e_0, _ = geometry
    delta, residual, iterations, converged = _fixed_point(s, n, lam, p, max_iterations)
    T = 1 / (p * s / (1 + delta) + lam)
    sT = s * T
    # 1 - kappa without subtraction: p s T/(1+delta) = 1 - lam T, and delta = tr(Sigma T)/n
    noise_factor = np.sum(sT**2) / n * (1 + delta) / (1 + lam * np.sum(sT * T) / n)  # psi/(1-kappa)
    # Sherman-Morrison in white coordinates: Sigma^{1/2} R Sigma^{1/2} = sT - k (sT e_s)(sT e_s)'/(1 + k e_s'sTe_s)
    along_s = np.sum(e_s**2 * sT)  # e_s'sTe_s
    k = (gamma - p) / (1 + delta)
    denominator = lam * np.sum(e_s**2 * T) + gamma / (1 + delta) * along_s  # 1 + k e_s'sTe_s, as e_s'e_s = 1
    white_c = beta_t * e_s + beta * e_r  # Sigma^{-1/2} c
    white_Rc = sT * (white_c - k * (np.sum(e_s * sT * white_c) / denominator) * e_s)  # Sigma^{1/2} R c
    Q = p - (np.sum(white_c * white_Rc) + lam * np.sum(white_Rc**2 / s)) / (1 + delta)
    m0 = np.sum(white_Rc * e_0)
    noise = noise_factor * Q
    nu0, excess = np.sum(white_Rc**2) + noise, np.sum((white_Rc - m0 * e_0) ** 2) + noise
    return m0, nu0, excess, delta, residual, iterations, converged


def _fixed_point(s: Array, n: float, lam: float, p: float, max_iterations: int) -> tuple[float, float, int, bool]:
    """Solve delta = tr(Sigma T(delta))/n by Newton's method; return delta, residual, iterations and converged.

    The right-hand side minus delta is concave, positive at 0 and negative at tr(Sigma)/(n lam): Newton's steps from the
    latter fall monotonically to the root. With gap = delta - tr(Sigma T)/n, the slope kappa - 1 of that difference is
    -(1 + gap + lam tr(Sigma T^2)/n)/(1+delta), which never vanishes.
    """
    delta = np.sum(s) / (n * lam)  # a NumPy scalar: a division by 0 gives infinity or NaN
    residual, best = np.inf, np.inf
    for iteration in range(1, max_iterations + 1):
        T = 1 / (p * s / (1 + delta) + lam)
        gap = delta - float(np.sum(s * T)) / n  # >= 0 up to rounding
        residual = abs(gap) / delta
        if residual <= _TOLERANCE or (residual >= best and best < 1e-12):
            return delta, residual, iteration - 1, True
        best = residual
        delta -= gap * (1 + delta) / (1 + gap + lam * float(np.sum(s * T * T)) / n)
        if delta <= 0:  # a root far below the start is lost to rounding; tr(Sigma T(0))/n is a bound from below
            delta = np.sum(s / (p * s + lam)) / n
    return delta, residual, max_iterations, False


def _turn(rows: Array, e_s: Array, e_r: Array) -> Array:
    """Multiply rows by an orthogonal matrix whose first two rows are e_s and e_r: two reflections, O(d) a row."""
    to_e_s = e_s.copy()
    to_e_s[0] -= 1.0
    to_e_r = _reflect(e_r[None], to_e_s)[0].copy()  # now orthogonal to the first axis
    to_e_r[1] -= 1.0
    return _reflect(_reflect(rows, to_e_r), to_e_s)


def _reflect(rows: Array, normal: Array) -> Array:
    """Reflect rows at the plane with the given normal vector; a normal of length 0 leaves them as they are."""
    square = normal @ normal
    return rows if square < 1e-30 else rows - np.outer(rows @ normal, 2 * normal / square)
