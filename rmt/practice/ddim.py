"""The DDIM sampler with the exact class-conditional score, in the plane of the truth and the guiding classifier.

Data x ~ N(0, I_d) carry the label y = sign <x, w_0>. A class is sampled by DDIM and each step is preceded by a move of
length kappa / sqrt(d) |x| along the gradient of the classifier's entropy. As d grows, |x| / sqrt(d) is deterministic,
so that a sample is an image of its noise in the plane of w_0 and the classifier w, and of its noise off that plane,
which the sampler multiplies by a constant. Coordinates (x_0, x_1) are along w_0 and along the rest of w:
w/|w| = (cos, sin). With a = alphas_cumprod before a step, a' after it, C = sqrt(a), s = sqrt(1-a), and
h = varphi(u)/Phi(u) at u = C x_0/s, class y = +1 obeys

    eps = (s x_0 - C h, s x_1)    (1)
    x <- x - kappa c_t sgn(<w, x0_hat>) (e_0, e_1),    x0_hat = (C x_0 + s h, C x_1)    (2)
    x <- C' (x - s eps)/C + s' eps,    c_{t+1} = c_t (C C' + s s'),    c_0 = 1    (3)

where eps belongs to the point before the move, c_T is the factor of the noise off the plane, and (e_0, e_1) is
(cos, sin) for the gradient "x0", which takes eps as constant, and the unit vector of (cos (1 - h (h+u)), sin) for the
gradient through the "denoiser". Class y = -1 is the mirror image x -> -x.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from scipy.special import erfcx

from rmt._check import Array

LEVELS = 1000  # noise levels of the schedule
_OFFSET, _LARGEST = 0.008, 0.999  # of the cosine schedule (Nichol & Dhariwal, arXiv 2102.09672)


class Step(NamedTuple):
    """One DDIM step from noise level C^2 = a to C_next^2 = a', with `guided` where a move (2) precedes it."""

    C: float
    s: float
    C_next: float
    s_next: float
    guided: bool

    @property
    def off_plane(self) -> float:
        """Return C C' + s s', the factor by which the step multiplies every coordinate without a score."""
        return self.C * self.C_next + self.s * self.s_next


@lru_cache(maxsize=64)
def schedule(steps: int, interval: tuple[float, float] = (0.0, 1.0), every: int = 1) -> tuple[Step, ...]:
    """Return the steps of DDIM on the cosine schedule with "leading" timesteps, from noise to data.

    Every `every`-th step is guided of those whose noise level t/1000 lies in `interval`, counted from the noisy end.
    """
    t = np.arange(LEVELS + 1) / LEVELS
    alpha_bar = np.cos((t + _OFFSET) / (1 + _OFFSET) * np.pi / 2) ** 2
    alphas = np.cumprod(1 - np.minimum(1 - alpha_bar[1:] / alpha_bar[:-1], _LARGEST))
    times = (np.arange(steps) * (LEVELS // steps))[::-1]
    low, high = (bound * LEVELS for bound in interval)
    guided = {int(t) for t in times[(times >= low) & (times <= high)][::every]}
    before = alphas[times]
    after = np.append(before[1:], 1.0)
    levels = zip(times.tolist(), before.tolist(), after.tolist(), strict=True)
    return tuple(
        Step(a**0.5, (1 - a) ** 0.5, a_next**0.5, (1 - a_next) ** 0.5, time in guided) for time, a, a_next in levels
    )


def hazard(u: Array) -> Array:
    """varphi(u)/Phi(u), the slope of log Phi, without overflow in the lower tail."""
    return np.sqrt(2 / np.pi) / erfcx(-u / np.sqrt(2))


def direction(through: str, cos: float, sin: float, u: Array, h: Array) -> tuple[Any, Any]:
    """Return the unit vector (e_0, e_1) of the guided moves, before its sign."""
    if through == "x0":
        return cos, sin
    along = cos * (1 - h * (h + u))
    length = np.hypot(along, sin)
    return along / length, sin / length


def off_plane(steps: tuple[Step, ...]) -> Iterator[float]:
    """Yield c_0, c_1, ..., c_T: the factor of a coordinate without a score before each step, and after the last."""
    factor = 1.0
    for step in steps:
        yield factor
        factor *= step.off_plane
    yield factor


def sample(noise: Array, cos: float, sin: float, kappa: float, through: str, steps: tuple[Step, ...]) -> Array:
    """Return samples (N, 2) of class +1 in the plane, from their noise (N, 2): equations (1) to (3)."""
    x0, x1 = noise.T.copy()
    for step, c in zip(steps, off_plane(steps), strict=False):
        u = step.C * x0 / step.s
        h = hazard(u)
        eps0, eps1 = step.s * x0 - step.C * h, step.s * x1
        if kappa and step.guided:
            e0, e1 = direction(through, cos, sin, u, h)
            move = kappa * c * np.where(cos * (step.C * x0 + step.s * h) + sin * step.C * x1 > 0, 1.0, -1.0)
            x0, x1 = x0 - move * e0, x1 - move * e1
        x0 = step.C_next * (x0 - step.s * eps0) / step.C + step.s_next * eps0
        x1 = step.C_next * (x1 - step.s * eps1) / step.C + step.s_next * eps1
    return np.stack([x0, x1], axis=1)
