"""The command `errata`: print the paper's misprints, with numbers."""

from __future__ import annotations

import numpy as np
from rich.table import Table

from cli.options import ErrataOptions
from cli.terminal import console


def main(_: ErrataOptions) -> int:
    """Check every derivation by sympy; print the value of each misprint as printed, corrected and measured."""
    from rmt import symbolic  # sympy takes a second to load

    symbolic.prove()
    lines = Table("where", "as printed, and what is meant", "problem", "printed", "corrected", "Monte Carlo")
    for erratum in symbolic.errata(rng=np.random.default_rng(0)):
        printed = "unusable" if erratum.printed is None else f"{erratum.printed:.4g}"
        measured = f"{erratum.measured:.4g} +- {erratum.stderr:.2g}"
        lines.add_row(erratum.where, erratum.misprint, erratum.problem, printed, f"{erratum.corrected:.4g}", measured)
    console.print(lines)
    console.print("Lemmas 1-3, m' and Corollary 1 were derived by sympy just now and hold as corrected.")
    return 0
