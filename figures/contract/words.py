"""Write numbers of the tidy table in words and in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from figures.contract.table import Row


def sheet(heads: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Write a Markdown table.

    >>> print(sheet(["", "digits"], [["static", ".930"]]), end="")
    |  | digits |
    |---|---|
    | static | .930 |
    """
    return "".join(f"| {' | '.join(cells)} |\n" for cells in [heads]) + "".join(
        [f"|{'---|' * len(heads)}\n", *(f"| {' | '.join(cells)} |\n" for cells in lines)]
    )


def accuracy(row: Row) -> str:
    """Write an accuracy with its standard error, or, without one, with four decimals as the paper prints it.

    >>> row = Row("f", "p", "s", "accuracy", "practice", 0, 0.9634, 0.0031, 8)
    >>> accuracy(row), accuracy(row._replace(source="paper", stderr=None))
    ('.963 +- .003', '.9634')
    """
    return share(row.y, 4) if row.stderr is None else f"{share(row.y)} +- {share(row.stderr)}"


def change(row: Row) -> str:
    """Write a difference of accuracies with its sign and its standard error.

    >>> change(Row("f", "p", "s", "q", "practice", 0, -0.0041, 0.0021, 8))
    '-.004 +- .002'
    """
    sign = "-" if round(row.y, 3) < 0 else "+"
    return sign + accuracy(row._replace(y=abs(row.y)))


def share(value: float, decimals: int = 3) -> str:
    """Write a number without its leading zero, if it is below 1.

    >>> share(0.0314), share(1.0)
    ('.031', '1.000')
    """
    return f"{value:.{decimals}f}".removeprefix("0")
