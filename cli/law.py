"""The command `law`: analyse the scaling curves of a CSV file."""

from __future__ import annotations

import csv
import dataclasses
import io

import numpy as np
from rich.table import Table

import scaling
from cli.options import LawOptions
from cli.terminal import console
from empirical.system.errors import require
from empirical.system.files import require_writable, write_bytes, write_json
from scaling import curves, report


def main(options: LawOptions) -> int:
    """Print the back-test, then what each series says; write law.{png,pdf,svg,csv,json} into --out."""
    require(options.file.is_file(), str(options.file), "no file", "a CSV file of curves", "name another")
    require(options.form in ("", *scaling.FORMS), "--form", options.form, ", ".join(scaling.FORMS))
    require(all(0 < x < np.inf for x in options.at), "--at", list(options.at), "finite numbers > 0")
    require(options.seed >= 0, "--seed", options.seed, "an integer >= 0")
    analyses = report.analyse(
        curves.read(options.file),
        baseline=options.baseline,
        direction=options.direction,
        form=options.form,
        at=options.at,
        far=options.far,
        rng=np.random.default_rng(options.seed),
    )
    stem = options.out / "law"
    require_writable(stem.with_suffix(".json"))
    console.print(_backtest(analyses))
    for one in analyses:
        console.print(f"{one.series.name}:", *report.sentences(one), markup=False, highlight=False, soft_wrap=True)
    from figures.drawing import law, style  # matplotlib takes a second to load

    style.save(law.draw(analyses, options.file.name), stem)
    lines = [line for one in analyses for line in report.lines_of(one)]
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([report.Line._fields, *lines])
    write_bytes(stem.with_suffix(".csv"), text.getvalue().encode())
    settings = {f.name: getattr(options, f.name) for f in dataclasses.fields(options)}
    settings |= {"file": str(options.file), "out": str(options.out), "at": list(options.at)}
    write_json(
        stem.with_suffix(".json"),
        {"settings": settings, "series": {one.series.name: report.checklist(one) for one in analyses}},
    )
    console.print(str(stem.with_suffix(".png")), markup=False, highlight=False, soft_wrap=True)
    return 0


def _backtest(analyses: list[report.Analysis]) -> Table:
    """Tabulate the back-test: for each series and form the error of its predictions, the best form first."""
    table = Table(
        "series", "form", "error, %", "noise, %", "largest |z|", title="Back-test: the largest sizes held out"
    )
    for one in analyses:
        for index, test in enumerate(one.choice.ranking):
            z = "-" if test.worst_z is None else f"{test.worst_z:.1f}"
            chosen = f"{test.form} (chosen)" if test.form == one.choice.best else test.form
            table.add_row("" if index else one.series.name, chosen, f"{test.score:.3g}", f"{test.noise:.2g}", z)
    return table
