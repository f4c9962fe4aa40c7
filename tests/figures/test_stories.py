"""The stories of figures 3 to 5: their numbers come from the rows, and their verdicts turn with them."""

from figures.contract.figure import Contents
from figures.contract.table import Row
from figures.practice import fig4, fig5
from figures.theory import fig3


def run(figure, panel, series, x, y, stderr=0.002):
    return Row(figure, panel, series, "accuracy", "practice", float(x), y, stderr, 8)


def fig4_rows(control):
    static = [run("fig4", "digits", "static", x, y) for x, y in ((128, 0.90), (512, 0.93), (8192, 0.945))]
    practice = [run("fig4", "digits", "deliberate practice", x, y) for x, y in ((256, 0.932), (512, 0.963))]
    return [*static, *practice, run("fig4", "digits", "random direction", 512, control)]


def test_fig4_names_the_first_size_that_beats_all_static_data():
    story = fig4.story(Contents(fig4_rows(0.931)))
    assert "accuracy .963 +- .002 with 512 samples" in story
    assert "at best .945 +- .002, with 8,192" in story
    assert "due to the entropy's gradient" in story
    assert "times" not in story  # nothing that the rows do not give


def test_fig4_does_not_credit_the_gradient_where_a_control_does_as_well():
    story = fig4.story(Contents(fig4_rows(0.961)))
    assert "not all clearly below" in story
    assert "due to the entropy's gradient" not in story


def test_fig5_compares_selecting_and_generating_with_their_costs():
    costs = [run("fig5", "d digits", "oversample-then-prune", x, y) for x, y in ((1, 0.93), (4, 0.942), (16, 0.94))]
    story = fig5.story(Contents([*costs, run("fig5", "d digits", "DP through x0", 1.06, 0.954)]))
    assert "plain samples give accuracy .930 +- .002" in story
    assert "at best .942 +- .002, for 4 times" in story
    assert "guidance gives .954 +- .002 for 1.06 times" in story
    assert "Linear world" not in story  # it has no rows


def test_fig3_counts_samples_trained_on_and_samples_generated():
    lines = {"keep all": (0.9, 0.95, 0.97), "keep hardest 10 %": (0.95, 0.97, 0.98)}
    rows = [
        Row("fig3", panel, series, "accuracy", "theory", x * scale, y)
        for series, ys in lines.items()
        for panel, scale in (("kept", 1.0), ("pool", 1.0 if series == "keep all" else 10.0))
        for x, y in zip((500.0, 1000.0, 2000.0), ys, strict=True)
    ]
    low = [row._replace(x=row.x / 2, y=row.y - 0.06) for row in rows if row.x == min(r.x for r in rows)]
    rows = sorted([*low, *rows], key=lambda row: row.x)
    story = fig3.story(Contents(rows))
    assert "Counted in training samples, accuracy 0.95 takes 1,000" in story
    assert "'keep hardest 10 %' (2.0x fewer)" in story
    assert "0 simulated points" in story
