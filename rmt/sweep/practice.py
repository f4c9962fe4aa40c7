"""Learning curves of pruned practice in JAX: compiled, for batches of schedules, with gradients.

The equations are those of `rmt.practice.recursion`, solved by the same code. Arrays have room for all rounds and fits
from the start, so that all fits are one compiled step.
"""

import jax
import jax.numpy as jnp

from rmt.practice.additions import pruned
from rmt.practice.recursion import Fits, Function, Rounds, direction, next_fit
from rmt.quadrature import PDF0
from rmt.sweep.moments import moments
from rmt.sweep.theorem import Traced, checked

__all__ = ["learning_curve"]


def learning_curve(kind: str, rows: Traced, p: Traced, ridge: Traced, weights: Traced) -> Traced:
    """Return the error rates of all fits, as `rmt.practice.learning_curve`: a pure JAX function for jit, vmap and grad.

    Args:
        kind: "hard", "easy" or "all", the rule by which rounds are pruned along the latest classifier.
        rows: rows per dimension n_r that each round adds, (K,), K >= 2, > 0; pruned rounds count kept rows.
        p: keep fractions of rounds 1 to K - 1, (K - 1,), or one for all.
        ridge: penalty per row of each fit, (K,), or one for all, > 0.
        weights: v[k-1, r] of round r's rows in fit k, (K, K), >= 0; those of later rounds, r >= k, are ignored.

    Returns:
        The error rate of each fit, (K,); NaN after a classifier that is parallel to the truth. Ranges are not checked.

    Accuracy: less than 1e-10 from `rmt.practice.learning_curve`. The gradient in p is infinite for keep-hard at p = 1.

    Raises:
        ValueError: an unknown kind, or a precision below float64: call it within `double_precision()`.

    >>> from rmt.sweep import double_precision
    >>> with double_precision():
    ...     curve = jax.jit(learning_curve, static_argnums=0)
    ...     print((1 - curve("hard", jnp.full(2, 2.0), 0.5, 1e-2, jnp.tri(2))).round(6))
    [0.796854 0.88939 ]
    """
    rows, p, ridge, weights = checked("rmt.sweep.learning_curve", kind, rows, p, ridge, weights)
    K, weights = len(rows), jnp.tril(weights)
    fits = Fits(jnp.zeros((K, K)).at[0, 0].set(1.0), jnp.zeros((K - 1, K - 1)))  # the truth, and room for K - 1 fits
    S, b = jnp.broadcast_to(jnp.eye(2), (K, 2, 2)), jnp.zeros((K, 2)).at[0, 0].set(2 * PDF0)
    rounds = Rounds(rows, S, b, jnp.ones(K), jnp.zeros(K), jnp.zeros(K))  # the plain first round, and room for others

    def fit(state: tuple[Fits, Rounds], inputs: tuple[Traced, ...]) -> tuple[tuple[Fits, Rounds], Traced]:
        fits, rounds = state
        k, v, lam, keep = inputs
        R_k, chi_k = next_fit(jnp, fits, rounds, weights[:-1], v, lam, _newton)
        cos, sin, length = direction(jnp, R_k[0], R_k[-1])
        gamma, b_across, beta_t = moments(kind, keep, cos)
        S_k, b_k = pruned(jnp, keep, gamma, sin * b_across, beta_t, cos, sin)
        next_k = k + 1  # what has no room, as it follows the last fit, is dropped
        R = fits.R.at[next_k].set(R_k[:-1], mode="drop").at[:, next_k].set(R_k[:-1], mode="drop")
        R = R.at[next_k, next_k].set(R_k[-1], mode="drop")
        chi = fits.chi.at[k].set(chi_k[:-1], mode="drop").at[k, k].set(chi_k[-1], mode="drop")
        rounds = rounds._replace(
            S=rounds.S.at[next_k].set(S_k, mode="drop"),
            b=rounds.b.at[next_k].set(b_k, mode="drop"),
            inverse=rounds.inverse.at[next_k].set(1 / (length * sin), mode="drop"),
            cotangent=rounds.cotangent.at[next_k].set(cos / sin, mode="drop"),
        )
        return (Fits(R, chi), rounds), jnp.arctan2(sin, cos) / jnp.pi

    keep = jnp.append(jnp.broadcast_to(p, (K - 1,)), 0.5)  # the last fit makes no round
    inputs = (jnp.arange(K), weights, jnp.broadcast_to(ridge, (K,)), jnp.ones(K) if kind == "all" else keep)
    return jax.lax.scan(fit, (fits, rounds), inputs)[1]


def _newton(function: Function, slope: Function, start: Traced) -> Traced:
    """Find a root by Newton's method from below, until rounding ends the rise; its gradient is the implicit one."""

    def step(chi: Traced) -> Traced:
        return chi - function(chi) / slope(chi)

    def solve(_: Function, chi: Traced) -> Traced:
        rises = (chi, step(chi))
        return jax.lax.while_loop(lambda pair: pair[1] > pair[0], lambda pair: (pair[1], step(pair[1])), rises)[0]

    return jax.lax.custom_root(function, start, solve, lambda linear, value: value / linear(jnp.ones_like(value)))
