"""The law of the closed-form rules in JAX, a million error rates a second, and its gradients.

The law is Theorem 1 of arXiv 2502.15588 in a form without large or cancelling numbers, so that gradients keep their
digits as well. With 1/m = p/(1+delta) + lam and
delta = phi m, put L = lam (1+delta), eta = 1/(1+delta). Then m = (1+delta)/(p+L), which gives

    eta = 1 - phi/(p+L),   hence   L^2 - (phi + lam - p) L - lam p = 0   and   eta = lam/L,

and R = (1+delta)/(S+L), phi m'/(1+delta)^2 = phi/((p+L)(eta p+L)). The factor 1+delta, which diverges without ridge,
cancels. L is the ridge at which the population's regression shrinks as much; it tends to lam for endless data, and to
max(phi - p, 0) without ridge. With b = beta/sqrt(1-rho^2), w tends to

    <w, w_s> = beta_t/(gamma+L) = w1,   <w, rest of w_0> = sqrt(1-rho^2) w2,   w2 = b/(p+L)
    Q = p - w1^2 (gamma+2L) - (1-rho^2) w2^2 (p+2L),   noise = phi Q/((p+L)(eta p+L))
    tan(pi error) = sqrt((1-rho^2)(w1 - rho w2)^2 + noise) / (rho w1 + (1-rho^2) w2)

where sqrt(1-rho^2) occurs squared only: the error is smooth in rho up to rho = +-1.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from rmt._check import Array, Values, finite, plain
from rmt.problem import Problem
from rmt.pruning import KeepAll, KeepEasy, KeepHard
from rmt.sweep.moments import moments

__all__ = ["KINDS", "Gradients", "Traced", "checked", "double_precision", "error_rate", "gradients", "law"]

KINDS = {KeepHard: "hard", KeepEasy: "easy", KeepAll: "all"}
_LEAST, _BLOCK = 2**8, 2**17  # least and largest number of points in a block
Traced = Any  # a jax array or tracer


class Gradients(NamedTuple):
    """The error rate and its partial derivatives, each a float or an array of the problem's shape.

    The derivatives in n and d follow from the one in phi: multiply it by -phi/n and by 1/n.
    """

    error_rate: Values
    rho: Values
    ridge: Values
    p: Values
    phi: Values


def double_precision() -> AbstractContextManager[Any]:
    """Return a context manager in which JAX computes in float64; outside of it JAX keeps its settings."""
    return jax.enable_x64(True) if hasattr(jax, "enable_x64") else jax.experimental.enable_x64()  # type: ignore


def error_rate(problem: Problem) -> Values:
    """arccos(m0 / sqrt(nu0)) / pi by compiled code: `rmt.error_rate` of a keep-hard, keep-easy or keep-all problem.

    Theorem 1 of arXiv 2502.15588 in the form of this module's docstring. Grids are computed in blocks whose sizes are
    powers of two: the first call with a size compiles for about a second.

    Args:
        problem: `Problem` with one of these rules, squared loss, a perfect generator and no label checks; arrays
            broadcast.

    Returns:
        A float, or an array of `problem.shape`, in [0, 1].

    Accuracy: less than 1e-10 relative from `rmt.error_rate` over its stated range.

    Raises:
        ValueError: another rule, loss or generator, label-aware curation, or a result beyond double precision.

    >>> import rmt
    >>> problem = rmt.Problem(n=[10, 2], d=1, ridge=[[0.01], [0.1]], rule=rmt.KeepHard(0.3), rho=0.9)
    >>> error_rate(problem).round(6).tolist()
    [[0.148279, 0.407277], [0.300199, 0.403704]]
    """
    where = "rmt.sweep.error_rate"
    kind, (p, phi, lam, rho) = _closed_form(problem, where)
    rule_moments = _blockwise(partial(_moments_jit, kind), p, rho)  # often far fewer points than the grid has
    (errors,) = _blockwise(lambda *x: (_angle_jit(*x),), p, phi, lam, rho, *rule_moments)
    finite(where, errors)
    return plain(errors)


def gradients(problem: Problem) -> Gradients:
    """The error rate and its derivatives in rho, ridge, p and phi = d/n, by `jax.grad` through `law`.

    Args:
        problem: as for `error_rate`.

    Limits: at rho = +-1 the derivative in rho is one-sided, from inside. The derivative in p is infinite for keep-hard
    at p = 1, where the added samples lie at infinity, and 0 for keep-all.
    Accuracy: 1e-11 relative, or the rounding of the largest derivative dE/dlog x.

    Raises:
        ValueError: as for `error_rate`.

    >>> import rmt
    >>> problem = rmt.Problem(n=10, d=1, ridge=0.01, rule=rmt.KeepHard(0.3), rho=0.9)
    >>> [round(value, 6) for value in gradients(problem)]
    [0.148279, -0.327045, 6.31025, -0.973909, 0.916816]
    """
    where = "rmt.sweep.gradients"
    kind, fields = _closed_form(problem, where)
    errors, p, phi, ridge, rho = _blockwise(partial(_slopes_jit, kind), *fields)
    finite(where, errors, *(np.where(np.isinf(v), 0.0, v) for v in (p, phi, ridge, rho)))  # only NaN is no derivative
    return Gradients(*map(plain, (errors, rho, ridge, p, phi)))


def law(kind: str, p: Traced, phi: Traced, lam: Traced, rho: Traced) -> Traced:
    """The error rate as a pure JAX function: elementwise, broadcasting, for `jax.jit`, `jax.vmap` and `jax.grad`.

    Args:
        kind: "hard", "easy" or "all", the rule; "all" ignores p.
        p, phi, lam, rho: keep fraction, d/n, ridge and cosine; their ranges are not checked.

    Raises:
        ValueError: an unknown kind, or a precision below float64: call it within `double_precision()`.

    >>> with double_precision():
    ...     slope = jax.jit(jax.vmap(jax.grad(partial(law, "easy"), argnums=3), in_axes=(None, None, None, 0)))
    ...     print(slope(0.6, 0.1, 0.01, jnp.array([0.9, 1.0])).round(4))
    [-0.0221 -1.2787]
    """
    p, phi, lam, rho = jnp.broadcast_arrays(*checked("rmt.sweep.law", kind, p, phi, lam, rho))
    p = jnp.ones_like(p) if kind == "all" else p
    return _angle(p, phi, lam, rho, *moments(kind, p, rho))


def checked(where: str, kind: str, *values: Traced) -> list[Traced]:
    """Return the values as float64 arrays; ValueError for an unknown kind of rule, or where JAX computes in float32."""
    if kind not in KINDS.values():
        raise ValueError(f"{where}: got kind={kind!r}; allowed {', '.join(KINDS.values())}; do name one")
    arrays = [jnp.asarray(value, dtype=float) for value in values]
    if arrays[0].dtype != jnp.float64:
        raise ValueError(f"{where}: got {arrays[0].dtype}; allowed float64; do call it within double_precision()")
    return arrays


def _angle(p: Traced, phi: Traced, lam: Traced, rho: Traced, gamma: Traced, b: Traced, beta_t: Traced) -> Traced:
    """The error rate from the moments, b = beta/sqrt(1-rho^2); L solves L^2 - linear L - lam p = 0."""
    linear = (phi - p) + lam
    total = jnp.where(linear >= 0, linear, -linear) + jnp.hypot(linear, 2 * jnp.sqrt(lam) * jnp.sqrt(p))
    L = jnp.where(linear >= 0, total / 2, 2 * lam * p / total)
    eta = jnp.where(linear >= 0, 2 * lam / total, total / (2 * p))
    a2 = (1 - rho) * (1 + rho)
    w1, w2 = beta_t / (gamma + L), b / (p + L)
    Q = p - w1**2 * (gamma + 2 * L) - a2 * w2**2 * (p + 2 * L)
    noise = phi * Q / ((p + L) * (eta * p + L))
    return jnp.arctan2(jnp.sqrt(a2 * (w1 - rho * w2) ** 2 + noise), rho * w1 + a2 * w2) / jnp.pi


_moments_jit, _angle_jit = jax.jit(moments, static_argnums=0), jax.jit(_angle)


@partial(jax.jit, static_argnums=0)
def _slopes_jit(kind: str, *x: Traced) -> tuple[Traced, ...]:
    """The error rate and its derivatives in p, phi, lam and rho."""
    value, pull = jax.vjp(partial(law, kind), *x)
    return value, *pull(jnp.ones_like(value))


def _closed_form(problem: Problem, where: str) -> tuple[str, tuple[Values, ...]]:
    """Return the kind of rule and (p, phi, lam, rho); ValueError for a problem without a closed form."""
    rho, generator, agreement = problem.cosines
    true_labels = np.all(np.asarray(generator) == 1) and np.all(np.asarray(agreement) == np.asarray(rho))
    squared = problem.loss_function.squared
    if type(problem.rule) not in KINDS or problem.label_aware or not true_labels or not squared:
        raise ValueError(
            f"{where}: got {problem!r}; allowed KeepHard, KeepEasy or KeepAll, squared loss, a perfect generator and "
            "no label-aware curation; do use rmt.error_rate"
        )
    return KINDS[type(problem.rule)], (problem.rule.p, problem.phi, problem.ridge, rho)


def _blockwise(function: Callable[..., Any], *fields: Any) -> list[Array]:
    """Apply a jitted elementwise `function` to fields broadcast together, in blocks whose sizes are powers of two."""
    shape = np.broadcast_shapes(*map(np.shape, fields))
    columns = [np.ravel(np.broadcast_to(np.asarray(v, dtype=np.float64), shape)) for v in fields]
    results = []
    with double_precision():
        for start in range(0, max(len(columns[0]), 1), _BLOCK):
            block = [column[start : start + _BLOCK] for column in columns]
            count = len(block[0])
            size = max(_LEAST, 1 << (count - 1).bit_length())
            result = function(*(v if count == size else np.resize(v, size) for v in block))
            results.append([np.asarray(v)[:count] for v in result])
    return [np.reshape(np.concatenate(pieces), shape)[()] for pieces in zip(*results, strict=True)]
