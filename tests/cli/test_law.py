"""The command `law`: files of curves in, sentences and five files out."""

import csv
import json

import numpy as np
import pytest

import paper_repro

N = 2.0 ** np.arange(7, 15)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """Write three series: one needs four times fewer samples than the baseline, one twice as many."""
    rng, lines = np.random.default_rng(0), ["x,y,series,seed"]
    for name, factor in (("plain", 1.0), ("better", 4.0), ("worse", 0.5)):
        for seed in range(6):
            noise = 0.002 * rng.standard_normal(len(N))
            lines += [
                f"{n},{0.95 - 0.9 * (factor * n / 64) ** -0.5 + e},{name},{seed}" for n, e in zip(N, noise, strict=True)
            ]
    file = tmp_path_factory.mktemp("law") / "curves.csv"
    file.write_text("\n".join(lines))
    return file


@pytest.fixture(scope="module")
def made(path):
    """Run the command once."""
    out = path.parent / "out"
    assert paper_repro.main(["law", str(path), "--baseline", "plain", "--out", str(out)]) == 0
    return out


def test_the_checklist_holds_the_fit_the_test_and_the_multiplier(made):
    values = json.loads((made / "law.json").read_text())
    assert list(values["series"]) == ["plain", "better", "worse"]
    better = values["series"]["better"]
    exponent = better["fitting"]["parameters"]["exponent"]
    assert exponent["low"] < 0.5 < exponent["high"]
    assert {test["form"] for test in better["validation"]["back-test"]} <= {"power", "power_floor", "saturating"}
    assert better["hypothesis"]["forms with too few sizes"] == ["broken"]
    assert better["validation"]["predictions"][0]["decades beyond the data"] == pytest.approx(np.log10(2))
    factors = [reading["factor"] for reading in better["comparison"]["readings"] if not reading["bound"]]
    assert np.median(factors) == pytest.approx(4, rel=0.1)
    assert values["series"]["plain"]["comparison"] is None
    assert values["settings"]["baseline"] == "plain"


def test_the_table_has_every_point_once(made):
    with (made / "law.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    measured = [row for row in rows if row["quantity"] == "measured"]
    assert len(measured) == 3 * len(N)
    assert len({(r["series"], r["quantity"], r["x"]) for r in rows if r["quantity"] != "prediction"}) == len(rows) - 3
    assert {path.name for path in made.iterdir()} == {f"law.{kind}" for kind in ("png", "pdf", "svg", "csv", "json")}


def test_it_speaks_plainly(path, made, capsys):
    paper_repro.main(
        ["law", str(path), "--baseline", "plain", "--form", "power_floor", "--out", str(made.parent / "o")]
    )
    output = capsys.readouterr().out
    assert output.index("Back-test") < output.index("better: Fitted without its 3 largest sizes, power_floor")
    assert "It reaches y = 0.8" in output or "It reaches y = 0.9" in output
    assert "x fewer" in output.partition("better: ")[2].partition("worse: ")[0]
    assert "x more" in output.partition("worse: ")[2]
    assert "0.3 decades beyond the data" in output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--baseline", "none"], "baseline: got 'none'; allowed plain, better, worse; do name one of the series"),
        (["--at", "1e6"], "series 'plain': got x = 1e+06 to predict from sizes up to 16384; allowed up to 2 times"),
        (["--at", "-1"], "--at: got [-1.0]; allowed finite numbers > 0"),
        (["--form", "spline"], "--form: got 'spline'; allowed power, power_floor, saturating, broken"),
        (["--form", "broken"], "series 'plain', scaling.choose: got 8 sizes; allowed at least 9"),
        (["--direction", "down"], None),
    ],
)
def test_bad_input_is_told_before_anything_is_written(path, tmp_path, capsys, arguments, message):
    code = paper_repro.main(["law", str(path), "--out", str(tmp_path / "out"), *arguments])
    assert (code, (tmp_path / "out").exists()) == ((2, False) if message else (0, True))
    assert message is None or message in capsys.readouterr().err


def test_far_predictions_are_made_when_asked_for(path, tmp_path):
    arguments = ["law", str(path), "--at", "1e6", "--far", "--form", "power_floor", "--out", str(tmp_path)]
    assert paper_repro.main(arguments) == 0
    (prediction,) = json.loads((tmp_path / "law.json").read_text())["series"]["plain"]["validation"]["predictions"]
    assert prediction["low"] < 0.95 - 0.9 * (1e6 / 64) ** -0.5 < prediction["high"]


def test_a_missing_file_is_named(tmp_path, capsys):
    assert paper_repro.main(["law", str(tmp_path / "none.csv")]) == 2
    assert "none.csv: got 'no file'; allowed a CSV file of curves" in capsys.readouterr().err
