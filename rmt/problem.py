"""`Problem`: one question for both theory and simulation."""

from dataclasses import dataclass, field

import numpy as np

from rmt._check import Values, broadcast, frozen, require, shown
from rmt.curation import overlaps
from rmt.losses import Loss, named
from rmt.pruning import KeepAll, Rule

__all__ = ["Problem", "squared_only"]

_ROUNDING = 1e-14  # error of sines and cosines that a user computed


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A linear classifier with ridge penalty trained on the kept part of n Gaussian samples.

    Samples x ~ N(0, I_d) carry the label y = sign(<x, w_g>) of a generator and are kept with probability q(<x, w_s>),
    q the `rule`, ||w_s|| = 1. The classifier is w = (X'DX/n + lam I)^{-1} X'DY/n with D = diag(kept or not): the ridge
    is relative to the **pool** size n, not to the number of kept samples. With another `loss` l the classifier
    minimises (1/n) sum over kept samples of l(y <x, w>), plus lam/2 ||w||^2. Its test labels are the truth,
    sign(<x, w_*>). The defaults w_g = w_* = w_0 are the setting of Theorem 1 of arXiv 2502.15588; other directions are
    the setting of arXiv 2511.03492.

    Args:
        n: pool size, > 0. Theory takes real values (only d/n matters), simulation whole ones.
        d: dimension of x, > 0; real for theory, whole for simulation.
        ridge: lam, the penalty, > 0.
        rule: keep rule, e.g. `rmt.KeepHard(0.3)`.
        rho: cosine between the pruning direction w_s and the truth w_*, in [-1, 1]. Leave it out for `rmt.covariance`,
            where it follows from the vectors; with `KeepAll` it is irrelevant, and needed for label checks only.
        rho_generator: cosine between the generator w_g and the truth; 1 is a perfect generator.
        rho_agreement: cosine between w_s and w_g; by default rho rho_generator: pruner and generator err independently.
        label_aware: keep only samples on whose label the pruner agrees, y = sign(<x, w_s>). The keep fraction inside
            the rule is the one before this test.
        loss: of the margin z = y <x, w>: "squared", (1-z)^2/2; "logistic", log(1 + e^-z), the cross-entropy; "smoothed
            hinge"; or a `Loss`. `loss_function` is the resolved `Loss`.

    All numbers and the keep fraction inside the rule broadcast against each other like NumPy arrays; arrays are copied
    and frozen.

    Raises:
        ValueError: a field is out of its range or not finite, the shapes do not broadcast, no three directions have
            these cosines, or a label-aware pruner agrees with no label.

    >>> import rmt
    >>> problem = rmt.Problem(n=[1024, 2048], d=512, ridge=1e-2, rule=rmt.KeepHard(0.3), rho=0.9)
    >>> problem.shape, problem.phi.tolist(), problem.cosines
    ((2,), [0.5, 0.25], (0.9, 1.0, 0.9))
    """

    n: Values
    d: Values
    ridge: Values
    rule: Rule
    rho: Values | None = None
    rho_generator: Values = 1.0
    rho_agreement: Values | None = None
    label_aware: bool = False
    loss: str | Loss = "squared"
    loss_function: Loss = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in ("n", "d", "ridge"):
            value = frozen("rmt.Problem", name, getattr(self, name))
            require(value > 0, "rmt.Problem", name, value, "finite values > 0", "pass positive numbers")
            object.__setattr__(self, name, value)
        for name in ("rho", "rho_generator", "rho_agreement"):
            if getattr(self, name) is None and name != "rho_generator":
                continue
            value = frozen("rmt.Problem", name, getattr(self, name))
            require(np.abs(value) <= 1, "rmt.Problem", name, value, "cosines in [-1, 1]", "normalise the vectors")
            object.__setattr__(self, name, value)
        if isinstance(self.rule, type) or not isinstance(self.rule, Rule):
            raise ValueError(
                f"rmt.Problem: got rule={shown(self.rule)}; allowed keep rules; do pass e.g. rmt.KeepHard(0.3)"
            )
        if not isinstance(self.label_aware, bool):
            raise ValueError(
                f"rmt.Problem: got label_aware={shown(self.label_aware)}; allowed True, False; do pass one"
            )
        object.__setattr__(self, "loss_function", named(self.loss, "rmt.Problem"))
        broadcast("rmt.Problem", **self._numbers())
        if self.rho is not None:
            self._check_directions()

    def _check_directions(self) -> None:
        """Raise a ValueError unless three unit vectors with these cosines exist, and the pruner agrees with a label."""
        bound, overlap = overlaps(*self.cosines)
        require(
            np.abs(overlap) <= bound + _ROUNDING,
            "rmt.Problem",
            "(rho, rho_generator, rho_agreement)",
            np.stack(np.broadcast_arrays(*self.cosines), axis=-1),
            "cosines of three directions: |rho_generator - rho rho_agreement| <= sqrt((1-rho^2)(1-rho_agreement^2))",
            "compute all three from w_s, w_g and w_*",
        )
        if self.label_aware:
            agreement, where = np.asarray(self.cosines[2]), "rmt.Problem"
            require(agreement > -1, where, "rho_agreement", agreement, "more than -1 with label_aware", "flip w_s")

    def _numbers(self) -> dict[str, Values]:
        """Return every field that broadcasts, by name."""
        names = ("n", "d", "ridge", "rho", "rho_generator", "rho_agreement")
        values = {name: getattr(self, name) for name in names}
        return {name: value for name, value in values.items() if value is not None} | {"rule": self.rule.p}

    @property
    def phi(self) -> Values:
        """Dimension per pool sample, phi = d / n; infinite or 0 where it leaves the range of double precision."""
        with np.errstate(over="ignore", under="ignore"):
            return self.d / self.n

    @property
    def cosines(self) -> tuple[Values, Values, Values]:
        """Return rho, rho_generator and rho_agreement, by default rho rho_generator.

        `KeepAll` without rho gets the truth as its pruning direction: it prunes nothing along any. Every other rule
        without rho, and a label check without it, is a ValueError.
        """
        if self.rho is None:
            if isinstance(self.rule, KeepAll) and self.rho_agreement is None and not self.label_aware:
                return 1.0, self.rho_generator, self.rho_generator
            raise ValueError(
                "rmt.Problem: got no rho; allowed cosines in [-1, 1]; "
                "do pass rho=..., or use rmt.covariance, where it follows from the vectors"
            )
        agreement = self.rho * self.rho_generator if self.rho_agreement is None else self.rho_agreement
        return self.rho, self.rho_generator, agreement

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of all fields broadcast together, and of every result."""
        return np.broadcast_shapes(*(np.shape(value) for value in self._numbers().values()))


def squared_only(
    problem: Problem,
    where: str,
    do: str = "use rmt.error_rate or rmt.convex.solve for other losses, which have no closed form",
) -> None:
    """Raise a ValueError unless the loss is the squared one."""
    if not problem.loss_function.squared:
        raise ValueError(f"{where}: got loss={problem.loss!r}; allowed 'squared'; do {do}")
