"""Theory in JAX: grids and gradients of Theorem 1's law, learning curves of pruned practice, and their best schedules.

    rmt.sweep.gradients(rmt.Problem(n=10, d=1, ridge=0.01, rule=rmt.KeepHard(0.3), rho=0.9))
    rmt.sweep.best_schedule(budget=16, rounds=8)

Only this package needs jax: pip install "deliberate-practice[sweep]". `theorem` is its law, `moments` its rules,
`practice` learning curves, `schedules` the search for the best one.
"""

try:
    import jax as _jax  # noqa: F401
except ImportError as error:
    do = 'pip install "deliberate-practice[sweep]", or use rmt.error_rate, which needs no jax'
    raise ImportError(f"rmt.sweep: got no jax ({error}); allowed an installed jax; do {do}") from error

from rmt.sweep.practice import learning_curve
from rmt.sweep.schedules import Schedule, best_schedule, greedy_schedule
from rmt.sweep.theorem import Gradients, double_precision, error_rate, gradients, law

__all__ = [
    "Gradients",
    "Schedule",
    "best_schedule",
    "double_precision",
    "error_rate",
    "gradients",
    "greedy_schedule",
    "law",
    "learning_curve",
]
