"""What all figures of theory alone have in common: progress, drawing, advice, recipes, bad settings."""

import pytest
from matplotlib.legend import Legend
from support.layout import assert_nothing_overlaps
from support.places import EXPERIMENTS
from support.theory_figures import MODULES, SMALL, preset, rows

from figures.contract.figure import Contents, Inputs

LINES = {"fig7": 4, "curation": 8, "spectra": 3, "phase": 1, "loss": 3, "exponent": 7, "grade": 4}  # in the legend


@pytest.mark.parametrize("name", MODULES)
def test_progress_counts_every_step(name):
    seen = []
    small = {**SMALL[name], **({} if name == "phase" else {"trials": 2})}
    MODULES[name].compute(Inputs(small, progress=lambda *call: seen.append(call)))
    assert [done for done, _, _ in seen] == list(range(seen[0][1]))


@pytest.mark.parametrize("name", MODULES)
def test_drawings_are_complete_and_nothing_overlaps(name):
    module, note = MODULES[name], "quick preset: few seeds and points"
    figure = module.draw(Contents(rows(name), note=note, caption=module.describe(SMALL[name])))
    said = [text.get_text() for legend in figure.findobj(Legend) for text in legend.get_texts()]
    assert len(said) == len(set(said)) == LINES[name]
    assert figure._supxlabel.get_text() == note
    assert_nothing_overlaps(figure, note=False)  # a wide legend reaches under it


@pytest.mark.parametrize("name", MODULES)
def test_without_rows_there_is_advice(name):
    with pytest.raises(ValueError, match=rf"{name}\.draw: got no rows; allowed .*; do compute them first"):
        MODULES[name].draw(Contents([]))
    assert MODULES[name].summary(Contents([])).split()[0] in ("no", "0")


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize("part", ["default", "quick"])
def test_recipes_are_valid_and_say_what_they_show(name, part):
    text = (EXPERIMENTS / f"{name}.toml").read_text()
    assert all(f"# {word}" in text for word in ("Shows:", "Expect:", "Hardware and duration:", "Command:"))
    MODULES[name].Config(**preset(name, part))


@pytest.mark.parametrize(
    ("name", "without", "promises"),
    [
        ("fig7", {"simulated": []}, ".255 .123 .052 .240 .125 .055 .273 .161 .079 .263 .160 .078"),
        ("curation", {"simulated": []}, ".228 .267 .192 .163 .186 .077 .207 .062 .016 .030"),
        ("spectra", {"simulated_log2": 0, "points_per_octave": 1}, ".0150 .0148 .0102 .0120 .0147 .0155 .0084"),
        ("phase", {"first_log2": 9, "least_rho": 0.98, "cosines": 2}, ".00592 .948"),
    ],
)
def test_recipes_promise_what_the_law_says(name, without, promises):
    """The numbers in the recipes' headers are those of the theory's summaries, computed without the Monte Carlo."""
    text = (EXPERIMENTS / f"{name}.toml").read_text()
    said = MODULES[name].summary(Contents(MODULES[name].compute(Inputs({**preset(name, "default"), **without}))))
    assert [number for number in promises.split() if number not in text or number not in said] == []


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("fig7", {"pools": []}, r"fig7.pools: got \[\]; allowed whole numbers >= 1"),
        ("fig7", {"ridges": [0.0]}, r"fig7.ridges: got \[0.0\]; allowed numbers > 0"),
        ("fig7", {"simulated": [1.2]}, r"fig7.simulated: got \[1.2\]; allowed keep fractions"),
        ("fig7", {"typo": 1}, "fig7.typo: got 1; allowed the keys d, rho, pools"),
        ("curation", {"weak": 1.0}, "curation.weak: got 1.0; allowed cosines, weak < strong"),
        ("curation", {"little": 30.0}, "curation.little: got 30.0; allowed 0 < little < much"),
        ("curation", {"trials": 1}, "curation.trials: got 1; allowed whole numbers >= 2"),
        ("spectra", {"rho": 1.1}, r"spectra.rho: got 1.1; allowed cosines in \[-1, 1\]"),
        ("spectra", {"fractions": [0.0]}, r"spectra.fractions: got \[0.0\]"),
        ("spectra", {"simulated_log2": 20}, "spectra.simulated_log2: got 20; allowed at most last_log2"),
        ("phase", {"pays": 0.0}, r"phase.pays: got 0.0; allowed shares in \(0, 1\)"),
        ("phase", {"last_log2": -1}, "phase.first_log2: got -1; allowed less than last_log2"),
        ("loss", {"fractions": [1.5]}, r"loss.fractions: got \[1.5\]; allowed keep fractions"),
        ("loss", {"simulated_log2": [9]}, r"loss.simulated_log2: got \[9\]; allowed first_log2 ... last_log2"),
        ("loss", {"typo": 1}, "loss.typo: got 1; allowed the keys rho, fractions"),
        ("loss", {"trials": 1}, "loss.trials: got 1; allowed whole numbers >= 2"),
        ("exponent", {"fractions": [1.0]}, r"exponent.fractions: got \[1.0\]"),
        ("exponent", {"simulated_log10": [1]}, r"exponent.simulated_log10: got \[1\]; allowed none, or 4 sizes"),
        ("exponent", {"cosines": [1.2]}, r"exponent.cosines: got \[1.2\]"),
        ("exponent", {"last_log10": 2}, "exponent.first_log10: got 1; allowed last_log10 - 2"),
    ],
)
def test_bad_settings_are_refused(name, changes, message):
    with pytest.raises(ValueError, match=message):
        MODULES[name].compute(Inputs({**SMALL[name], **changes}))
