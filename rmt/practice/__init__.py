"""The theory of deliberate practice: exact learning curves of a ridge classifier on a growing, chosen pool.

    rmt.practice.learning_curve(rows=(2, 2, 2), ridge=1e-2, additions=rmt.KeepHard(0.5)).accuracy
    rmt.practice.simulate((2, 2, 2), 1e-2, rmt.practice.Guided(0.3, steps=20), d=200, rng=numpy.random.default_rng(0))

`ddim` is the sampler in a plane, `quadrature` its moments, `additions` what a round contributes, `recursion` the
equations, `curve` their solution fit by fit, `simulation` the same process at finite d.
"""

from rmt.practice.additions import Guided, Plain
from rmt.practice.curve import Curve, learning_curve
from rmt.practice.simulation import simulate

__all__ = ["Curve", "Guided", "Plain", "learning_curve", "simulate"]
