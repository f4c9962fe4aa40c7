"""Rounds of a growing pool: what a plain, a pruned and a guided round contribute to the theory of practice.

A row of a round made along w_r is x = x_V + c z: x_V in the plane of w_0 and w_r, independent Gaussian noise z off it.
Coordinates in the plane are along w_0 and along q_r, the rest of w_r: w_r/|w_r| = (cos, sin). A round enters the theory
through S = E[x_V x_V'] (2 x 2), b = E[y x_V] (2) and c alone.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from rmt._check import Array, number, require, shown, whole
from rmt.practice import ddim, quadrature
from rmt.pruning import Rule
from rmt.quadrature import PDF0

__all__ = ["Addition", "Guided", "Plain", "PlaneMoments", "Pruned", "plain_rows", "plane_moments", "pruned", "sampler"]

_HARD = 1e4  # largest kappa: a step that moves every sample a hundred times its length, at d = 10,000


class PlaneMoments(NamedTuple):
    """S = E[x_V x_V'], b = E[y x_V], the factor c of the noise off the plane, and the error of the entries of S, b."""

    S: Array
    b: Array
    c: float
    error: float


@dataclass(frozen=True)
class Plain:
    """A round of rows along no direction: x ~ N(0, I), or plain samples of the DDIM sampler.

    Args:
        steps: number of DDIM steps, 1 to 1000, with the exact class-conditional score; None for exact N(0, I) rows.

    >>> plane_moments(Plain(), 1.0, 0.0).b.round(6).tolist()
    [0.797885, 0.0]
    """

    steps: int | None = None

    def __post_init__(self) -> None:
        if self.steps is not None:
            _step_count("rmt.practice.Plain", self.steps)


@dataclass(frozen=True)
class Pruned:
    """A round of oversampling: plain samples of the DDIM sampler, of which the most uncertain share is kept.

    The keep rules of `rmt` prune exact N(0, I) rows; the sampler's have a variance of .976 at 100 steps, .988 at 200.

    Args:
        keep: share of the samples that is kept, those of smallest |<x, w>|, in (0, 1].
        steps: number of DDIM steps, 1 to 1000, with the exact class-conditional score.

    >>> plane_moments(Pruned(0.5, 100), 0.8, 0.6).b.round(6).tolist()
    [0.533931, -0.478415]
    """

    keep: float
    steps: int

    def __post_init__(self) -> None:
        where = "rmt.practice.Pruned"
        keep = number(where, "keep", self.keep)
        require(0 < keep <= 1, where, "keep", keep, "numbers in (0, 1]", "pass the share of the samples to keep")
        object.__setattr__(self, "keep", keep)
        _step_count(where, self.steps)


@dataclass(frozen=True)
class Guided:
    """A round sampled by DDIM with the exact class-conditional score, guided toward the classifier's high entropy.

    The sampler and its moves are those of `rmt.practice.ddim`: cosine schedule, "leading" timesteps.

    Args:
        kappa: omega sqrt(d), length of a move of the entropy guidance at |x| = sqrt(d), >= 0.
        steps: number of DDIM steps, 1 to 1000.
        through: "x0", moves along the gradient with eps taken as constant; or "denoiser", along the full gradient.
        interval: noise levels t/T between which steps are guided; (0.2, 1.0) leaves the last fifth unguided.
        every: guide every so-many-th of these steps, >= 1.
        tolerance: of the entries of S and b, 1e-8 to 1e-2: errors are estimated at about this, and are 5 to 50 times
            smaller for 20 steps or a good classifier, about equal for hundreds of moves at the boundary (measured).
            Time of a round, by default: 20 to 60 ms for 20 steps or a good classifier, else 1 s for 100, 10 s for 200.

    >>> plane_moments(Guided(0.3, 20), 0.8, 0.6).b.round(4).tolist()
    [0.4946, -0.6604]
    """

    kappa: float
    steps: int = 200
    through: str = "x0"
    interval: tuple[float, float] = (0.0, 1.0)
    every: int = 1
    tolerance: float = 1e-4

    def __post_init__(self) -> None:
        where = "rmt.practice.Guided"
        for name, low, high in (("kappa", 0, _HARD), ("tolerance", 1e-8, 1e-2)):
            value = number(where, name, getattr(self, name))
            require(
                low <= value <= high,
                where,
                name,
                value,
                f"numbers from {low:g} to {high:g}",
                "pass omega sqrt(d), >= 0" if name == "kappa" else "pass the error of S and b that you can bear",
            )
            object.__setattr__(self, name, value)
        _step_count(where, self.steps)
        whole(where, "every", self.every, 1, "pass 1 to guide at every step")
        if self.through not in ("x0", "denoiser"):
            raise ValueError(f"{where}: got through={shown(self.through)}; allowed 'x0', 'denoiser'; do pass one")
        try:
            low, high = (number(where, "interval", bound) for bound in self.interval)
        except (TypeError, ValueError):
            low, high = 1.0, 0.0
        if not 0 <= low < high <= 1:
            got = shown(self.interval)
            raise ValueError(f"{where}: got interval={got}; allowed 0 <= low < high <= 1; do pass e.g. (0.2, 1.0)")
        object.__setattr__(self, "interval", (low, high))

    def schedule(self) -> tuple[ddim.Step, ...]:
        """Return the sampler's steps, of which some are guided."""
        return ddim.schedule(self.steps, self.interval, self.every)


Addition = Plain | Pruned | Guided | Rule


def sampler(addition: Addition) -> Guided | None:
    """Return the sampler of an addition, without guidance for plain samples; None where its rows are N(0, I) rows."""
    if isinstance(addition, Guided):
        return addition
    return Guided(0.0, addition.steps) if isinstance(addition, Plain | Pruned) and addition.steps is not None else None


def plain_rows(addition: Addition) -> Plain:
    """Return the plain round that goes with an addition: N(0, I) for a keep rule, else rows of the same sampler.

    >>> from rmt import KeepAll
    >>> plain_rows(Guided(0.3, 20)), plain_rows(KeepAll())
    (Plain(steps=20), Plain(steps=None))
    """
    return Plain() if isinstance(addition, Rule) else Plain(addition.steps)


def plane_moments(addition: Addition, cos: float, sin: float) -> PlaneMoments:
    """Return S, b and c of rows made along a classifier with alignment `cos`, sin = sqrt(1 - cos^2) > 0.

    Keep rules: `pruned` with Theorem 1's moments at rho = cos, and c = 1, exact to rounding. The sampler: by the
    quadratures of `rmt.practice.quadrature`, cached.

    >>> from rmt import KeepAll
    >>> plane_moments(KeepAll(), 0.8, 0.6).S.round(12).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    if isinstance(addition, Guided):
        if addition.kappa == 0 or not any(step.guided for step in addition.schedule()):
            return _plain(addition.steps)
        return _guided(addition, cos, sin)
    if isinstance(addition, Plain) or (isinstance(addition, Pruned) and addition.keep == 1):
        return _plain(addition.steps)
    if isinstance(addition, Pruned):
        return _oversampled(addition, cos, sin)
    S, b = pruned(np, *addition.moments(cos), cos, sin)
    return PlaneMoments(S, b, 1.0, 0.0)


def pruned(xp: Any, p: Any, gamma: Any, beta: Any, beta_t: Any, cos: Any, sin: Any) -> tuple[Any, Any]:
    """Return S and b of pruned rows from the moments of the rule, in the array library `xp`.

    With u = (cos, sin), v = (sin, -cos): S = (gamma/p) u u' + v v', b = (beta_t/p) u + (beta/p) v.
    """
    along, across = xp.stack([cos, sin]), xp.stack([sin, -cos])
    S = gamma / p * xp.outer(along, along) + xp.outer(across, across)
    return S, beta_t / p * along + beta / p * across


@lru_cache(maxsize=64)
def _plain(steps: int | None) -> PlaneMoments:
    """Return the moments of plain rows: the coordinate off w_0 has the variance c^2 of all others."""
    if steps is None:
        return PlaneMoments(np.eye(2), np.array([2 * PDF0, 0.0]), 1.0, 0.0)
    result = _sampled(Guided(0.0, steps, tolerance=1e-8), 0.0, 1.0)
    c2 = result.c**2
    return result._replace(S=np.diag([result.S[0, 0], c2]), b=np.array([result.b[0], 0.0]))


@lru_cache(maxsize=4096)
def _guided(addition: Guided, cos: float, sin: float) -> PlaneMoments:
    return _sampled(addition, cos, sin)


def _sampled(addition: Guided, cos: float, sin: float) -> PlaneMoments:
    """Integrate the sampler; S and b have the same value in both classes, which mirror each other."""
    steps = addition.schedule()
    values = quadrature.moments(cos, sin, addition.kappa, addition.through, steps, addition.tolerance)
    return _of_plane(values, steps)


@lru_cache(maxsize=4096)
def _oversampled(addition: Pruned, cos: float, sin: float) -> PlaneMoments:
    steps = ddim.schedule(addition.steps)
    return _of_plane(quadrature.moments_of_pruned(cos, sin, addition.keep, steps), steps)


def _of_plane(values: quadrature.Moments, steps: tuple[ddim.Step, ...]) -> PlaneMoments:
    b, (s00, s01, s11), error = values
    *_, c = ddim.off_plane(steps)
    return PlaneMoments(np.array([[s00, s01], [s01, s11]]), b, c, error)


def _step_count(where: str, steps: Any) -> None:
    """Raise a ValueError unless `steps` is a number of DDIM steps."""
    if whole(where, "steps", steps, 1, "count DDIM steps") > ddim.LEVELS:
        raise ValueError(f"{where}: got steps={steps}; allowed at most {ddim.LEVELS} noise levels; do lower it")
