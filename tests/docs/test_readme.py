"""The README: its length, the numbers that it quotes, and the outputs that its code announces."""

import importlib
import re
import sys

import pytest
from support.pages import blocks
from support.places import DOCS, ROOT

README = ROOT / "README.md"
TEXT = README.read_text()
QUOTED = {  # text of the README: the keys of its numbers in the shipped tables, in order
    "{} against {}; without guidance (omega = 0) {}, with steps in random directions {} (8 seeds)": (
        "fig4; digits; deliberate practice; accuracy; 512",
        "fig4; digits; static; accuracy; 8192",
        "fig4; digits; dynamic, omega = 0; accuracy; 512",
        "fig4; digits; random direction; accuracy; 512",
    ),
    "{} for 1.06 times the arithmetic of plain samples; selection reaches {} with 16 times as much": (
        "fig5; b digits; through x0; accuracy; 0.05",
        "fig5; a digits; oversample-then-prune; accuracy; 16",
    ),
}


@pytest.fixture(scope="module")
def tables():
    sys.path.insert(0, str(DOCS / "_ext"))
    yield importlib.import_module("tables")
    sys.path.remove(str(DOCS / "_ext"))


def test_it_is_short():
    assert len(TEXT.splitlines()) <= 150


@pytest.mark.parametrize("sentence", QUOTED)
def test_its_numbers_are_those_of_the_shipped_tables(tables, sentence):
    rows = [tables.row(key) for key in QUOTED[sentence]]
    exact = [f"{row.y:.3f} +- {row.stderr:.3f}".replace("0.", ".") for row in rows]
    short = [one if f"{one}" in TEXT else one.partition(" ")[0] for one in exact]
    assert sentence.format(*short) in TEXT


@pytest.mark.parametrize(
    ("sentence", "path"),
    [
        ("The gain at 512 images is {}, with a 95 % interval of {} to {}", "fig4; gains; panel=digits; size=512"),
        ("both\ntogether {} ({} to {})", "fig4_digits; pooled gains; size=512"),
        ("1,024 images gain {} ({} to {})", "fig4_glyphs; gains; panel=glyphs; size=1024"),
    ],
)
def test_its_gains_over_seeds_and_images_are_the_manifests(tables, sentence, path):
    gain = tables.detail(f"{path}; gain over static; seeds and images")
    assert sentence.format(*(f"{gain[end]:.3f}".replace("0.", ".") for end in ("value", "low", "high"))) in TEXT


def test_its_code_prints_what_it_says():
    (block,) = blocks(README, "python")
    space: dict = {}
    for line in block.splitlines():
        code, _, said = line.partition("  # ")
        numbers = [float(number) for number in re.findall(r"(?<![\w/])\d*\.\d{3,4}", said)]
        if not numbers:
            exec(code, space)
            continue
        value = eval(code, space)
        got = (
            [value.mean, value.stderr] if hasattr(value, "stderr") else value if hasattr(value, "__len__") else [value]
        )
        assert [round(float(one), len(str(number)) - 2) for one, number in zip(got, numbers, strict=True)] == numbers
