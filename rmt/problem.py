"""`Problem`: the question that theory and simulation both answer."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rmt._check import Values, broadcast, frozen, require
from rmt.pruning import Rule

__all__ = ["Problem"]


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A ridge classifier trained on the kept part of n Gaussian samples.

    Samples x ~ N(0, I_d) carry the label y = sign(<x, w_0>) and are kept with probability q(<x, w_s>), q the `rule`,
    ||w_s|| = 1. The classifier is w = (X'DX/n + lam I)^{-1} X'DY/n with D = diag(kept or not): the ridge is relative to
    the **pool** size n, not to the number of kept samples (setting of Theorem 1 of arXiv 2502.15588).

    Args:
        n: pool size, > 0. Theory takes real values (only d/n matters), simulation whole ones.
        d: dimension of x, > 0, likewise.
        ridge: lam, the penalty, > 0.
        rule: which samples are kept, e.g. `rmt.KeepHard(0.3)`.
        rho: cosine between the pruning direction w_s and the truth w_0, in [-1, 1].

    All fields, and the keep fraction inside the rule, broadcast against each other like NumPy arrays; arrays are copied
    and frozen.

    Raises:
        ValueError: a field is out of its range or not finite, or the shapes do not broadcast.

    >>> import rmt
    >>> problem = rmt.Problem(n=[1024, 2048], d=512, ridge=1e-2, rule=rmt.KeepHard(0.3), rho=0.9)
    >>> problem.shape, problem.phi.tolist()
    ((2,), [0.5, 0.25])
    """

    n: Values
    d: Values
    ridge: Values
    rule: Rule
    rho: Values

    def __post_init__(self) -> None:
        for name in ("n", "d", "ridge"):
            value = frozen("rmt.Problem", name, getattr(self, name))
            require(value > 0, "rmt.Problem", name, value, "finite values > 0", "pass positive numbers")
            object.__setattr__(self, name, value)
        rho = frozen("rmt.Problem", "rho", self.rho)
        require(
            np.abs(rho) <= 1, "rmt.Problem", "rho", rho, "cosines in [-1, 1]", "pass <w_s, w_0> / (||w_s|| ||w_0||)"
        )
        object.__setattr__(self, "rho", rho)
        if isinstance(self.rule, type) or not isinstance(self.rule, Rule):
            raise ValueError(f"rmt.Problem: got rule={self.rule!r}; allowed keep rules; do pass e.g. rmt.KeepHard(0.3)")
        broadcast("rmt.Problem", n=self.n, d=self.d, ridge=self.ridge, rho=self.rho, rule=self.rule.p)

    @property
    def phi(self) -> float | NDArray[np.float64]:
        """Dimension per pool sample, phi = d / n."""
        return self.d / self.n

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the answers: that of all fields broadcast together."""
        return np.broadcast_shapes(*(np.shape(v) for v in (self.n, self.d, self.ridge, self.rho, self.rule.p)))
