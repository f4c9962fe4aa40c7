"""General covariance: the exact law for x ~ N(0, Sigma), at a cost of O(d) per evaluation.

Everything is given in the eigenbasis of Sigma: its eigenvalues, the truth w_0 and the pruning direction w_s. White
coordinates are Sigma^{-1/2} x; u and t are the unit vectors along Sigma^{1/2} w_s and Sigma^{1/2} w_0 there, rho = u't,
and v completes t in their plane. With gamma, beta, beta_t of the rule at rho (`rmt.pruning`),

    E[q x x'] = Sigma_q = p Sigma + (gamma - p) Sigma^{1/2} u u' Sigma^{1/2}
    E[q y x] = c = Sigma^{1/2} (beta_t u + beta v)

Deterministic equivalents of the resolvent R = (X'DX/n + lam I)^{-1}, with T = (p Sigma/(1+delta) + lam I)^{-1}:

    delta = tr(Sigma T)/n                        the unique positive root; only the eigenvalues matter
    E[R] -> Rb = (Sigma_q/(1+delta) + lam I)^{-1}
    A = tr(Sigma T Sigma T)/n,   kappa = p A/(1+delta)^2,   tr(Sigma E[R Sigma R])/n -> A/(1-kappa)
    E[R Sigma R] -> Rb Sigma Rb + A/((1-kappa)(1+delta)^2) Rb Sigma_q Rb

so that m0 = c' Rb Sigma w_0/||w_0||_Sigma, nu0 = |Rb c|_Sigma^2 + A/(1-kappa) Q with the squared residual
Q = p - (c'Rb c + lam |Rb c|^2)/(1+delta), and the error is arccos(m0/sqrt(nu0))/pi: the isotropic law
(`rmt.generalization.margin`) with phi m' replaced by A/(1-kappa). Rb is diagonal plus rank one: no matrix is formed.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rmt import dense
from rmt._check import Values, frozen, plain, require
from rmt.generalization import Margin, angle, checked
from rmt.monte_carlo import Estimate, draws, estimate, require_memory, whole_setting
from rmt.problem import Problem, squared_only

__all__ = ["Solution", "error_rate", "power_law", "simulate", "solve"]

Array = NDArray[np.float64]
_TOLERANCE = 1e-13  # of the fixed point, relative


@dataclass(frozen=True)
class Solution:
    """The law's answer, and whether to believe it; each field a number or an array of the problem's shape.

    Args:
        value: error rate.
        m0, nu0: the margin's moments.
        rho: cosine of w_s and w_0 in the metric of Sigma.
        delta: root of the fixed-point equation.
        residual: |tr(Sigma T)/n - delta| / delta at that root.
        iterations: Newton steps taken.
        converged: whether the residual reached 1e-13, or rounding stopped it.
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
    """Eigenvalues, and u, v, t in white coordinates, with rho = u't."""

    s: Array
    u: Array
    v: Array
    t: Array
    rho: float


def power_law(d: int, exponent: float) -> Array:
    """Eigenvalues k^-exponent, k = 1 ... d, scaled to mean 1, shape (d,).

    >>> power_law(3, 1.0).round(4).tolist()
    [1.6364, 0.8182, 0.5455]
    """
    if isinstance(d, bool) or not isinstance(d, int | np.integer) or d < 1:
        raise ValueError(f"rmt.covariance.power_law: got d={d!r}; allowed whole numbers >= 1; do pass the dimension")
    rate = frozen("rmt.covariance.power_law", "exponent", exponent)
    values = np.arange(1, d + 1) ** -rate
    return values / values.mean()


def error_rate(problem: Problem, *, eigenvalues: Any, w0: Any, ws: Any, max_iterations: int = 100) -> Values:
    """arccos(m0 / sqrt(nu0)) / pi for x ~ N(0, diag(eigenvalues)): the limiting test error, at O(d) per evaluation.

    Args:
        problem: any `Problem` without rho (it follows from the vectors) and with a perfect generator; arrays broadcast.
        eigenvalues: of Sigma, > 0, shape (problem.d,), e.g. `power_law(d, 0.8)`.
        w0, ws: truth and pruning direction in Sigma's eigenbasis, shape (d,), of any length > 0.
        max_iterations: Newton steps allowed for the fixed point.

    Returns:
        A float, or an array of `problem.shape`, in [0, 1].

    Limits: equal eigenvalues give `rmt.error_rate` at rho = cos(ws, w0). Accuracy: rounding, as there; rho itself is
    known to rounding, so the angle of a pruner within 1e-8 of perfect is not resolved. A finite simulation differs by
    O(1/effective dimension).

    Raises:
        ValueError: bad shapes or values; a problem with rho, a label-aware one or one with an imperfect generator.
        ArithmeticError: the fixed point did not converge, with residual and iterations.

    >>> import rmt
    >>> d = 200
    >>> k = np.arange(1, d + 1)
    >>> problem = rmt.Problem(n=600, d=d, ridge=0.1, rule=rmt.KeepHard(0.5))
    >>> error = error_rate(problem, eigenvalues=power_law(d, 0.8), w0=np.ones(d), ws=1 + 0.5 * (-1.0) ** k)
    >>> round(error, 6)
    0.218314
    """
    solution = solve(problem, eigenvalues=eigenvalues, w0=w0, ws=ws, max_iterations=max_iterations)
    bad = ~np.atleast_1d(solution.converged)
    if bad.any():
        residual, steps = (np.atleast_1d(v)[bad].flat[0] for v in (solution.residual, solution.iterations))
        raise ArithmeticError(
            f"rmt.covariance.error_rate: got a fixed point with residual {residual:.3g} after {steps} iterations; "
            f"allowed at most {_TOLERANCE:g}; do raise max_iterations or use a larger ridge"
        )
    return solution.value


def solve(problem: Problem, *, eigenvalues: Any, w0: Any, ws: Any, max_iterations: int = 100) -> Solution:
    """`error_rate` with all that led to it; does not raise where the fixed point did not converge, but says so."""
    where = "rmt.covariance.solve"
    geometry = _geometry(problem, eigenvalues, w0, ws, where)
    if isinstance(max_iterations, bool) or not isinstance(max_iterations, int | np.integer) or max_iterations < 1:
        raise ValueError(
            f"{where}: got max_iterations={max_iterations!r}; allowed whole numbers >= 1; do allow more steps"
        )
    moments = problem.rule.moments(geometry.rho)
    fields = np.broadcast_arrays(*(np.asarray(v) for v in (problem.n, problem.ridge, *moments)))
    rows = [
        _solve_one(geometry, max_iterations, *map(float, entry))
        for entry in zip(*(f.flat for f in fields), strict=True)
    ]
    columns = [np.reshape(np.array(column), problem.shape)[()] for column in zip(*rows, strict=True)]
    m0, nu0, excess, delta, residual, iterations, converged = columns
    result = checked(Margin(m0, nu0, excess), where)
    return Solution(
        plain(angle(result)), plain(m0), plain(nu0), geometry.rho, plain(delta), plain(residual), iterations, converged
    )


def simulate(
    problem: Problem, trials: int = 50, *, eigenvalues: Any, w0: Any, ws: Any, rng: np.random.Generator
) -> Estimate:
    """`rmt.simulate` for x ~ N(0, diag(eigenvalues)): dense, exact in law, same arguments as `error_rate`.

    >>> import rmt
    >>> d = 60
    >>> problem = rmt.Problem(n=300, d=d, ridge=0.1, rule=rmt.KeepHard(0.5))
    >>> shape = {"eigenvalues": power_law(d, 0.8), "w0": np.ones(d), "ws": np.arange(d) + 1.0}
    >>> estimate = simulate(problem, trials=20, rng=np.random.default_rng(0), **shape)
    >>> abs(estimate.mean - error_rate(problem, **shape)) < 4 * estimate.stderr + 1 / d
    True
    """
    where = "rmt.covariance.simulate"
    n, d, lam = whole_setting(problem, where)
    need = dense.bytes_needed(n, d, float(problem.rule.p), all_rows=False)
    require_memory(need, n, d, where, "lower n or d, or free memory")
    s, u, v, t, rho = _geometry(problem, eigenvalues, w0, ws, where)
    scale = np.sqrt(s)
    setting = dense.Setting(
        n=n,
        d=d,
        lam=lam,
        rule=problem.rule,
        label_aware=False,
        label=np.array([rho, float(np.linalg.norm(t - rho * u))]),
        truth=t,
        shape=lambda rows: _turn(rows, u, v) * scale,
        scale=scale,
    )
    along, across = draws(dense.trial, setting, trials, rng, where).T
    return estimate(np.arctan2(across, along) / np.pi)


def _geometry(problem: Problem, eigenvalues: Any, w0: Any, ws: Any, where: str) -> _Geometry:
    squared_only(problem, where)
    if problem.rho is not None or problem.rho_agreement is not None:
        raise ValueError(
            f"{where}: got rho={problem.rho}, rho_agreement={problem.rho_agreement}; allowed neither; "
            "do leave them out: they follow from the vectors"
        )
    if problem.label_aware or np.any(np.asarray(problem.rho_generator) != 1):
        raise ValueError(
            f"{where}: got label_aware={problem.label_aware}, rho_generator={problem.rho_generator}; "
            "allowed a perfect generator, label-agnostic; do use rmt.error_rate (isotropic) for others"
        )
    vectors = {
        name: np.asarray(frozen(where, name, given))
        for name, given in (("eigenvalues", eigenvalues), ("w0", w0), ("ws", ws))
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
    t, u = (_unit(np.sqrt(s) * _unit(vector)) for vector in (truth, pruner))
    rho = float(np.clip(t @ u, -1, 1))
    rest = t - rho * u
    length = float(np.linalg.norm(rest))
    return _Geometry(s, u, rest / length if length > 0 else rest, t, rho)


def _unit(vector: Array) -> Array:
    vector = vector / np.abs(vector).max()
    return vector / np.linalg.norm(vector)


def _solve_one(
    geometry: _Geometry, max_iterations: int, n: float, lam: float, p: float, gamma: float, beta: float, beta_t: float
) -> tuple[float, ...]:
    """m0, nu0, nu0 - m0^2, delta, residual, iterations, converged."""
    s, u, v, t, _ = geometry
    delta, residual, iterations, converged = _fixed_point(s, n, lam, p, max_iterations)
    T = 1 / (p * s / (1 + delta) + lam)
    sT = s * T
    # 1 - kappa without subtraction: p s T/(1+delta) = 1 - lam T, and delta = tr(Sigma T)/n
    noise_factor = np.sum(sT**2) / n * (1 + delta) / (1 + lam * np.sum(sT * T) / n)  # A/(1-kappa)
    # Sherman-Morrison in white coordinates: Sigma^{1/2} Rb Sigma^{1/2} = sT - k (sT u)(sT u)'/(1 + k u'sTu)
    usTu = np.sum(u**2 * sT)
    k = (gamma - p) / (1 + delta)
    denominator = lam * np.sum(u**2 * T) + gamma / (1 + delta) * usTu  # 1 + k u'sTu, as u'u = 1
    weights = beta_t * u + beta * v  # Sigma^{-1/2} c
    along = np.sum(u * sT * weights) / denominator
    white = sT * (weights - k * along * u)  # Sigma^{1/2} Rb c
    flat = np.sum(white**2 / s)  # |Rb c|^2
    Q = p - (np.sum(weights * white) + lam * flat) / (1 + delta)
    m0 = np.sum(white * t)
    noise = noise_factor * Q
    return m0, np.sum(white**2) + noise, np.sum((white - m0 * t) ** 2) + noise, delta, residual, iterations, converged


def _fixed_point(s: Array, n: float, lam: float, p: float, max_iterations: int) -> tuple[float, float, int, bool]:
    """delta = tr(Sigma T(delta))/n by Newton's method from the right; delta, residual, iterations, converged.

    The right-hand side minus delta is concave, positive at 0 and negative at tr(Sigma)/(n lam): Newton steps from there
    fall monotonically to the root. With gap = delta - tr(Sigma T)/n, its slope kappa - 1 is
    -(1 + gap + lam tr(Sigma T^2)/n)/(1+delta), which never vanishes.
    """
    delta = float(np.sum(s) / (n * lam))
    residual, best = np.inf, np.inf
    for iteration in range(1, max_iterations + 1):
        T = 1 / (p * s / (1 + delta) + lam)
        gap = delta - float(np.sum(s * T)) / n  # >= 0 up to rounding
        residual = abs(gap) / delta
        if residual <= _TOLERANCE or (residual >= best and best < 1e-12):
            return delta, residual, iteration - 1, True
        best = residual
        delta -= gap * (1 + delta) / (1 + gap + lam * float(np.sum(s * T * T)) / n)
    return delta, residual, max_iterations, False


def _turn(rows: Array, u: Array, v: Array) -> Array:
    """Rows times an orthogonal matrix whose first two rows are u and v: two reflections, O(d) a row."""
    first = u.copy()
    first[0] -= 1.0
    image = _reflect(v[None], first)[0]  # orthogonal to e1 now
    second = image.copy()
    second[1] -= 1.0
    return _reflect(_reflect(rows, second), first)


def _reflect(rows: Array, axis: Array) -> Array:
    square = axis @ axis
    return rows if square < 1e-30 else rows - np.outer(rows @ axis, 2 * axis / square)
