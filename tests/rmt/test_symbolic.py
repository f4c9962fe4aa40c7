"""The proofs by sympy, that they can fail, and the table of misprints."""

import subprocess
import sys

import numpy as np
import pytest
import sympy as sp
from support.places import ROOT

from rmt import symbolic
from rmt.symbolic import errata


@pytest.mark.parametrize("proof", symbolic.PROOFS)
def test_every_statement_holds(proof):
    result = proof()
    assert result.holds
    assert len(result.remainders) >= 2


def test_a_wrong_statement_is_found_out(monkeypatch):
    wrong = symbolic.Proof("the wrong sign", (sp.Integer(0), symbolic.p - symbolic.phi))
    monkeypatch.setattr(symbolic, "PROOFS", (symbolic.lemma_3, lambda: wrong))
    with pytest.raises(ArithmeticError, match="the wrong sign; allowed zeros"):
        symbolic.prove()


@pytest.mark.parametrize(
    ("name", "replacement"),
    [("theorem_1", lambda: tuple(2 * moment for moment in THEOREM)), ("beta", 2 * symbolic.beta)],
)
def test_corollary_1_fails_for_a_wrong_theorem(monkeypatch, name, replacement):
    monkeypatch.setattr(symbolic, name, replacement)
    if name == "beta":
        monkeypatch.setattr(symbolic, "theorem_1", lambda: THEOREM)
    assert not symbolic.corollary_1().holds


THEOREM = symbolic.theorem_1()


def test_simulation_sides_with_the_corrections():
    """Corrected values are within 4 standard errors and 2 % of simulation; printed values are not."""
    rows = errata(24, rng=np.random.default_rng(0))
    assert len(rows) == 7
    for row in rows:
        bound = 4 * row.stderr + 0.02 * row.corrected
        assert bound < 0.25 * row.corrected, row.where
        assert abs(row.measured - row.corrected) < bound, row.where
        assert row.printed is None or abs(row.measured - row.printed) > bound, row.where
    assert [row.where for row in rows if row.printed is None] == ["Lemma 6"]


def test_sympy_and_jax_are_loaded_by_the_modules_that_need_them():
    """Nothing else loads them, and `rmt.sweep` without jax names the package to install."""
    code = (
        "import sys, rmt, rmt.covariance, rmt.limits, rmt.errata, rmt.adaptive, figures.theory.phase\n"
        "assert not {'sympy', 'jax'} & set(sys.modules)\n"
        "sys.modules['jax'] = None\n"
        "try: import rmt.sweep\n"
        "except ImportError as e: assert 'pip install \"deliberate-practice[sweep]\"' in str(e), e\n"
        "else: raise SystemExit(1)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
