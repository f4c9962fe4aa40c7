"""Draw the pictures of the lessons for the pages: python docs/lesson_pictures.py [STEM ...], e.g. 01_exponent.

Each is what its lesson shows at the first setting of its sliders. Lessons 5 and 9 show the reader's own runs.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "lessons"
SETTINGS = {  # the arguments of a lesson's `draw`
    "01_exponent": (2, 128),
    "02_theory": (1e-6, 0.3),
    "03_sample": (0.1, 0.95),
    "04_pruning": (16.0, 0.8),
    "06_agreement": (64, "denoiser"),
    "07_cost": ("digits", 1.06),
    "08_paper": ("table4", 0.6095),  # the highest level of static data beyond its noise
}

if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name in sys.argv[1:] or SETTINGS:
        figure = importlib.import_module(f"lessons.{name}").draw(*SETTINGS[name])
        figure.savefig(FOLDER / f"{name}.png", dpi=100)
