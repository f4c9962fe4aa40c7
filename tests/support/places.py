"""Name the folders of the project that tests read."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
EXPERIMENTS = ROOT / "experiments"
DOCS = ROOT / "docs"
DATA = ROOT / "tests" / "data"  # small committed tables
