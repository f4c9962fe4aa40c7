"""Whether a drawing is legible: nothing covers anything else."""

from itertools import combinations

from matplotlib.legend import Legend


def assert_nothing_overlaps(figure, *, note=True):
    """Tick labels of an axis keep apart; so do panels, legends, caption and, if asked, note; all within the figure."""
    figure.draw_without_rendering()
    for ax in figure.axes:
        for axis in (ax.xaxis, ax.yaxis):
            labels = [t.get_window_extent() for t in axis.get_ticklabels() if t.get_visible() and t.get_text()]
            assert not any(a.overlaps(b) for a, b in combinations(labels, 2)), ax.get_title()
    blocks = [ax.get_tightbbox() for ax in figure.axes if ax.axison]
    blocks += [legend.get_window_extent() for legend in figure.findobj(Legend)]
    blocks += [text.get_window_extent() for text in (figure._suptitle, *[figure._supxlabel] * note)]
    assert not any(a.padded(-1).overlaps(b.padded(-1)) for a, b in combinations(blocks, 2))
    assert all(figure.bbox.x0 <= b.x0 and b.x1 <= figure.bbox.x1 for b in blocks)
