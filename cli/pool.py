"""The command `pool`: show the growth of a run's pool, pictures of its samples, and rows made again from seeds."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.table import Table
from torch import Tensor

from cli.options import PoolOptions
from cli.terminal import console
from empirical.config import Run, world_of
from empirical.data.images import is_image
from empirical.diffusion.sampler import Sampler
from empirical.pool.pool import Pool
from empirical.review.portraits import spaced
from empirical.review.remake import find_run, guide_of, open_pool, open_run, remake, some_rows
from empirical.runs.manifest import made_on
from empirical.system.devices import prepare
from empirical.system.errors import InputError, require

CLASSES, ROUNDS = 10, 8  # classes and rounds in a picture, at most
ROWS = 3  # rows made again if --row names none


@dataclass(frozen=True)
class Opened:
    """A run with its pool."""

    folder: Path
    run: Run
    pool: Pool


def main(options: PoolOptions) -> int:
    """Show one pool, or several side by side; return 1 if a row made again differs from the stored one."""
    require(bool(options.runs), "pool", "no run", "run folders or beginnings of their names", "name one")
    require(options.columns >= 1, "--columns", options.columns, "an integer >= 1")
    require(options.row is None or options.row >= 0, "--row", options.row, "the number of a row, from 0 on")
    prepare(options.device)
    opened = []
    for name in dict.fromkeys(options.runs):
        folder = find_run(name, options.out / "runs")
        run = open_run(folder)
        opened.append(Opened(folder, run, open_pool(run, folder)))
        require(bool(opened[-1].pool.rounds), str(folder), "a pool without a round", "a run with a round", "let it run")
    worlds = {one.run.world for one in opened}
    require(len(worlds) == 1, "pool", f"runs of {len(worlds)} worlds", "runs of one world", "name runs of one world")
    same = True
    for one in opened:
        show_growth(one)
        same &= show_remade(one, options)
    if is_image(world_of(opened[0].run).shape):
        show_pictures(opened, options)
    else:
        console.print(f"no pictures: samples of the {opened[0].run.world.name} world are vectors")
    return 0 if same else 1


def show_growth(one: Opened) -> None:
    """Print one line per round."""
    title = f"{one.folder}: seed {one.run.seed}, {len(one.pool):,} rows in use"
    lines = Table("round", "rows", "retired", "omega", "entropy", "iteration", "images", "GFLOP", title=title)
    for values in one.pool.summary():
        numbers = (f"{values['omega']:g}", f"{values['entropy']:.3f}", f"{values['step']:,}", f"{values['images']:,}")
        counts = (str(values["round"]), f"{values['added']:,}", f"{values['retired']:,}")
        lines.add_row(*counts, *numbers, f"{values['gflop']:.3g}")
    console.print(lines)


def show_remade(one: Opened, options: PoolOptions) -> bool:
    """Print one line per row made again; return whether all are bit-identical."""
    rows = [options.row] if options.row is not None else some_rows(one.pool, ROWS)
    remade = remake(one.run, one.folder, one.pool, rows, options.device)
    for row in remade:
        same = "bit-identical" if row.same else f"NOT the same, by up to {row.distance:.2g}"
        where = f"row {row.row} (round {row.round}, class {row.label}, seed {row.seed})"
        console.print(f"{where} made again: {same}", markup=False)
    all_same = all(row.same for row in remade)
    with suppress(InputError, OSError):  # a damaged manifest or journal does not matter here; `verify` names it
        others = sorted(set(made_on(one.folder)) - {torch.device(options.device).type})
        if not all_same and others:
            advice = f"the run was made on {' and '.join(others)}, which rounds otherwise: try --device {others[0]}"
            console.print(advice, markup=False)
    return all_same


def show_pictures(opened: list[Opened], options: PoolOptions) -> None:
    """Draw two pictures: stored samples of the pools, and the same seeds under the learner of every round."""
    from figures.drawing import grids, style

    name = "+".join(one.folder.name[: 16 if len(opened) == 1 else 8] for one in opened)
    world = world_of(opened[0].run)
    shown = min(world.classes, CLASSES)
    classes = list(world.class_names[:shown])
    some = f" (the first {shown} of {world.classes} classes)" if shown < world.classes else ""
    distinct = len(set(map(strength, opened))) == len(opened)
    for kind, pick, caption in (
        ("rows", stored, "Samples of the pool by class and round, as trained on"),
        ("seeds", same_seeds, "The same seeds by class and round, guided by the learner of the round"),
    ):
        if pick is same_seeds:
            console.print("sampling for the second picture: every round's learner guides the same seeds")
        blocks = []
        for one in opened:
            rounds = spaced(len(one.pool.rounds), ROUNDS)
            columns = options.columns if len(opened) == 1 else 1
            images = [pick(one, number, shown, columns, options.device) for number in rounds]  # (classes, columns, ...)
            word = "round " if columns > 1 else ""
            titles = [title for number in rounds for title in (f"{word}{number}", *[""] * (columns - 1))]
            title = f"omega = {strength(one)}" + ("" if distinct else f", {one.folder.name[:6]}")
            blocks.append(grids.Block(title, titles, torch.cat(images, 1).numpy()))
        path = style.save(grids.draw(blocks, classes, caption + some), options.out / "pool" / name / kind)[0]
        console.print(str(path), markup=False)


def strength(one: Opened) -> str:
    """Write the guidance strength of a run's additions: one number, or those of the first and of the last."""
    ends = (1, max(len(one.pool.rounds) - 1, 1))
    return " to ".join(dict.fromkeys(f"{one.run.acquire.of(addition).omega:g}" for addition in ends))


def stored(one: Opened, number: int, classes: int, columns: int, device: str) -> Tensor:  # noqa: ARG001
    """Load the first rows of each class in a round, (classes, columns, C, H, W); missing ones are white."""
    round_, shape = one.pool.rounds[number], world_of(one.run).shape
    images = torch.ones(classes, columns, *shape)
    for label in range(classes):
        rows = torch.nonzero(round_.labels == label).flatten()[:columns]
        images[label, : len(rows)] = round_.images(rows)
    return images


def same_seeds(one: Opened, number: int, classes: int, columns: int, device: str) -> Tensor:
    """Sample the first seeds of each class under the guide of a round, (classes, columns, C, H, W)."""
    world = world_of(one.run)
    sampler, guide = Sampler(world, one.run.sampling, device), guide_of(one.run, one.folder, number, device)
    if classes == world.classes:
        images = sampler.draw(one.run.seed, 0, classes * columns, guide)[0].images
        return images.view(columns, classes, *world.shape).transpose(0, 1)
    samples = [sampler.draw(one.run.seed, i * world.classes, classes, guide)[0].images for i in range(columns)]
    return torch.stack(samples, 1)
