"""Records of runs that never happened, for tests of figures: only the numbers that a figure looks at are given."""

from empirical.config import from_dict, to_dict
from empirical.runs.result import Record, Result

NOTHING = {
    "config": {}, "accuracy": 0.0, "accuracy_validation": 0.0, "correct": None, "alignment": None, "sets": {},
    "trajectory": {}, "pool": [], "pool_size": 0, "cost": {},
}  # fmt: skip


def invented(panel, series, seed, *, value=0.0, examined=None, **numbers):
    """Make a record whose result has these `numbers` and nothing else."""
    result = Result(**{**NOTHING, **numbers})
    return Record(panel=panel, series=series, value=value, seed=seed, result=result, examined=examined or {})


def linear_config(growth, *, steps=10, dimension=128, ridge=1e-2, **acquire):
    """Make the configuration of a run of the linear world, with all defaults, as its result holds it."""
    world = {"name": "linear", "dimension": dimension, "ridge": ridge}
    sections = {"learner": {"kind": "ridge"}, "training": {"iterations": 60}, "sampling": {"steps": steps}}
    return to_dict(from_dict({"world": world, **sections, "growth": growth, "acquire": acquire}))
