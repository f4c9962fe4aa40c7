"""The algebra proved by running it, proofs that can fail, and the table of misprints."""

import subprocess
import sys

import numpy as np
import pytest
import sympy as sp

from rmt import symbolic
from rmt.symbolic import errata


@pytest.mark.parametrize("proof", symbolic.PROOFS)
def test_every_statement_holds(proof):
    found = proof()
    assert found.holds
    assert len(found.remainders) >= 2


def test_a_wrong_statement_is_found_out(monkeypatch):
    wrong = symbolic.Proof("the wrong sign", (sp.Integer(0), symbolic.p - symbolic.phi))
    monkeypatch.setattr(symbolic, "PROOFS", (symbolic.lemma_3, lambda: wrong))
    with pytest.raises(ArithmeticError, match="the wrong sign; allowed zeros"):
        symbolic.prove()


@pytest.mark.parametrize(
    ("name", "replacement"),
    [("theorem_1", lambda: tuple(2 * part for part in THEOREM)), ("beta", 2 * symbolic.beta)],
)
def test_corollary_1_fails_for_a_wrong_theorem(monkeypatch, name, replacement):
    monkeypatch.setattr(symbolic, name, replacement)
    if name == "beta":
        monkeypatch.setattr(symbolic, "theorem_1", lambda: THEOREM)
    assert not symbolic.corollary_1().holds


THEOREM = symbolic.theorem_1()


def test_simulation_sides_with_the_corrections():
    """Corrected within 4 standard errors and 2 %; every printed value that exists is further off than that."""
    rows = errata(24, rng=np.random.default_rng(0))
    assert len(rows) == 7
    for row in rows:
        bound = 4 * row.stderr + 0.02 * row.corrected
        assert bound < 0.25 * row.corrected, row.where
        assert abs(row.measured - row.corrected) < bound, row.where
        assert row.printed is None or abs(row.measured - row.printed) > bound, row.where
    assert [row.where for row in rows if row.printed is None] == ["Lemma 6"]


def test_only_this_module_needs_sympy():
    code = "import sys, rmt, rmt.covariance, rmt.limits, rmt.errata; sys.exit('sympy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
