"""The theory of deliberate practice: exact learning curves of a ridge classifier on a growing, chosen pool.

    rmt.practice.learning_curve(rows=(2, 2, 2), ridge=1e-2, additions=rmt.KeepHard(0.5)).accuracy
    rmt.practice.simulate((2, 2, 2), 1e-2, rmt.practice.Guided(0.3, steps=20), d=200, rng=numpy.random.default_rng(0))

`additions` are the mechanisms of a round and what it contributes, through the sampler of `ddim` and its moments in
`quadrature`; `recursion` has the equations, `curve` solves them fit by fit, `retirement` where the most certain rows of
a pool leave; `simulation` runs the same process at finite d, on the rows of `rows`. `schedules` chooses additions;
`rates` has the closed forms of a good classifier's progress.
"""

from rmt.practice.additions import Guided, Plain, Pruned
from rmt.practice.curve import Curve, learning_curve
from rmt.practice.rates import accumulation_exponent, contraction, noise_floor, selection_floor
from rmt.practice.retirement import Retire
from rmt.practice.schedules import greedy, latest
from rmt.practice.simulation import simulate

__all__ = [
    "Curve",
    "Guided",
    "Plain",
    "Pruned",
    "Retire",
    "accumulation_exponent",
    "contraction",
    "greedy",
    "latest",
    "learning_curve",
    "noise_floor",
    "selection_floor",
    "simulate",
]
