"""The figures of theory alone, small: their modules, settings that take a second, and the tables these give."""

import tomllib
from functools import cache

from figures.contract import table
from figures.contract.figure import Inputs
from figures.theory import curation, exponent, fig7, grade, loss, phase, spectra
from support.places import EXPERIMENTS

MODULES = {
    "fig7": fig7, "curation": curation, "spectra": spectra, "phase": phase, "loss": loss, "exponent": exponent,
    "grade": grade,
}  # fmt: skip
SMALL = {
    "fig7": {"d": 60, "rho": 0.9, "pools": [100, 300], "ridges": [1e-3, 0.1], "least_fraction": 0.1, "points": 9,
             "simulated": [0.2, 0.4, 1.0], "trials": 24, "seed": 0},
    "curation": {"d": 60, "rho": 0.95, "weak": 0.7, "strong": 1.0, "little": 2.0, "much": 20.0, "least_fraction": 0.1,
                 "points": 12, "simulated": [0.3, 0.9], "trials": 16, "seed": 0},
    "spectra": {"d": 60, "rho": 0.95, "exponents": [0.0, 0.6], "fractions": [1.0, 0.4], "first_log2": 5,
                "last_log2": 10, "points_per_octave": 1, "simulated_log2": 9, "trials": 24, "seed": 0},
    "phase": {"first_log2": -1, "last_log2": 7, "points_per_octave": 1, "least_rho": 0.4, "cosines": 6, "pays": 0.01},
    "loss": {"rho": 0.95, "fractions": [1.0, 0.4], "first_log2": 1, "last_log2": 4, "ridge_low_log10": -3,
             "ridge_high_log10": 0, "ridges_per_decade": 1, "ratio": 8, "d": 60, "trials": 8, "simulated_log2": [2],
             "seed": 0},
    "exponent": {"cosines": [0.95], "fractions": [0.4], "ridge": 1e-2, "tiny_ridges": [], "ridges": [1e-2, 1e-4],
                 "first_log10": 1, "last_log10": 4, "d": 24, "trials": 6, "simulated_log10": [1, 2, 3, 4], "seed": 0},
    "grade": {"forms": ["power_floor"], "resamples": 40, "octaves": 7, "far": 4.0, "noise": 0.01, "d": 64,
              "flat_noise": 0.003, "seed": 0, "seed_counts": [4], "trials": 6},
}  # fmt: skip


def preset(name, part):
    """The settings of a preset of the project's own experiment."""
    recipe = tomllib.loads((EXPERIMENTS / f"{name}.toml").read_text())
    return {**{k: v for k, v in recipe.items() if k not in ("presets", "compute_s")}, **recipe["presets"][part]}


@cache
def rows(name):
    """The checked table of a figure with its small settings."""
    return table.check(MODULES[name].compute(Inputs(SMALL[name])))
