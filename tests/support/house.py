"""Read the project's imports: which room imports which, how many floors there are, and whether there are circles.

`python tests/support/house.py` prints the count of rooms, floors, arrows and circles.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("rmt", "scaling", "empirical", "figures", "lessons", "cli")
# From the top floor down; a room imports only rooms below it. Rooms of one line do not import each other.
FLOORS: tuple[tuple[str, ...], ...] = (
    ("paper_repro",),
    ("cli.learn",),  # it opens lessons, which use what users can use
    ("lessons",),
    ("cli",),
    ("figures.registry", "figures.output"),
    ("figures.practice", "figures.theory", "figures.tables", "figures.pictures"),
    ("figures.paper",),
    ("figures.drawing",),
    ("figures.contract",),
    ("empirical.scale",),
    ("empirical.review",),
    ("empirical.runs",),
    ("empirical.practice",),
    ("empirical.loop",),
    ("empirical.config",),
    ("empirical.worlds",),
    ("empirical.generators", "empirical.pool"),
    ("empirical.diffusion",),
    ("empirical.learning",),
    ("empirical.data", "empirical.settings"),
    ("empirical.system", "rmt", "scaling"),
)


def modules() -> dict[str, Path]:
    """Every module of the project by its dotted name."""
    paths = [ROOT / "paper_repro.py", *(path for name in PACKAGES for path in (ROOT / name).rglob("*.py"))]
    return {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in paths}


def imports(path: Path, known: Mapping[str, Path]) -> set[str]:
    """The project's modules that a file imports, anywhere in it, also for type checking only."""
    targets: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            targets |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            submodules = {f"{node.module}.{alias.name}" for alias in node.names} & set(known)
            targets |= submodules or {node.module}
    return targets & set(known)


def graph() -> dict[str, set[str]]:
    """The imported modules of every module, itself and its own package's face left out."""
    known = modules()
    return {name: imports(path, known) - {name} for name, path in known.items()}


def room(module: str) -> str:
    """The room that a module belongs to: a package's folder, or a module that stands alone.

    >>> room("empirical.pool.writer"), room("empirical.practice"), room("cli.make"), room("rmt.problem")
    ('empirical.pool', 'empirical.practice', 'cli', 'rmt')
    """
    return next((r for floor in FLOORS for r in floor if module == r or module.startswith(f"{r}.")), module)


def floor(name: str) -> int:
    """The number of a room's floor, 0 at the ground; -1 for a package's face, which only hands names on."""
    return next((len(FLOORS) - 1 - i for i, rooms in enumerate(FLOORS) if name in rooms), -1)


def arrows_up(imported: Mapping[str, Iterable[str]]) -> list[str]:
    """Imports of a room on the same floor or above, as "module -> module"."""
    pairs = [(a, b) for a, targets in imported.items() for b in targets if room(a) != room(b)]
    return sorted(f"{a} -> {b}" for a, b in pairs if floor(room(a)) <= floor(room(b)))


def circles(imported: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """Groups of modules that import each other in a loop (Tarjan's strongly connected components)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    groups: list[list[str]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for target in imported[name]:
            if target not in index:
                visit(target)
                low[name] = min(low[name], low[target])
            elif target in stack:
                low[name] = min(low[name], index[target])
        if low[name] == index[name]:
            group = []
            while not group or group[-1] != name:
                group.append(stack.pop())
            if len(group) > 1:
                groups.append(sorted(group))

    for name in imported:
        if name not in index:
            visit(name)
    return groups


if __name__ == "__main__":
    house = graph()
    between = {(room(a), room(b)) for a, targets in house.items() for b in targets if room(a) != room(b)}
    rooms = {room(name) for name in house if floor(room(name)) >= 0}
    print(f"{len(house)} modules in {len(rooms)} rooms on {len(FLOORS)} floors")
    print(f"{sum(map(len, house.values()))} imports between modules, {len(between)} between rooms")
    print(f"{len(arrows_up(house))} arrows up, {len(circles(house))} circles")
    print("\n".join(arrows_up(house) + [" <-> ".join(group) for group in circles(house)]))
