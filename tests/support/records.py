"""Records of runs that never happened, for tests of figures: only the numbers that a figure looks at are given."""

from empirical.runs.result import Record, Result

NOTHING = {
    "config": {}, "accuracy": 0.0, "accuracy_validation": 0.0, "correct": None, "alignment": None, "sets": {},
    "trajectory": {}, "pool": [], "pool_size": 0, "cost": {},
}  # fmt: skip


def invented(panel, series, seed, *, value=0.0, examined=None, **numbers):
    """Make a record whose result has these `numbers` and nothing else."""
    result = Result(**{**NOTHING, **numbers})
    return Record(panel=panel, series=series, value=value, seed=seed, result=result, examined=examined or {})
