"""Check a run's folder: recompute every stored number that can be derived from its configuration or other files.

Cheap checks read files and compare names, digests and derived numbers. Thorough ones also score the stored learner and
make a few images again.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from empirical.config import Run, new_learner, world_of
from empirical.diffusion.cost import Cost
from empirical.learning.evaluate import accuracy
from empirical.loop.budget import expected
from empirical.pool.pool import Pool
from empirical.review.answers import read_answer
from empirical.review.checks import SEVERAL, Check, MismatchError, agree, attempt
from empirical.review.examine import examinations
from empirical.review.remake import complete_rounds, open_pool, open_run, remake, some_rows
from empirical.review.rounds import check_events, check_growth, check_seeds, gflop_per_image, guided_steps
from empirical.runs.folder import deciding, deciding_settings, guide_path, run_name
from empirical.runs.manifest import RESTORE, made_on, read_journal, read_manifest
from empirical.runs.result import TRAJECTORY, Result, contradiction, read_result
from empirical.settings.values import differences
from empirical.system.errors import InputError
from empirical.system.files import text_digest
from empirical.system.tensors import load_tensors

REMADE = 4  # rows that a thorough check makes again


def check_run(folder: Path, *, thorough: bool = True, device: str = "cpu") -> Iterator[Check]:
    """Yield the checks of the run in `folder`; those that need data which failed an earlier check are left out.

    device: for the checks that compute. Those compare bits, so they are made on the kind of device that made the run.
    """
    records = _Records(folder)
    first = attempt("configuration", records.check_configuration)
    yield first
    if not first.ok:
        return
    yield attempt("manifest", records.check_manifest)
    yield attempt("journal", records.check_journal)
    checkpoint = attempt("checkpoint", records.check_checkpoint)
    yield checkpoint
    yield attempt("guides", records.check_guides)
    pool = attempt("pool files", records.check_pool)
    yield pool
    if pool.ok:
        yield attempt("seeds", lambda: check_seeds(records.run, records.pool))
        yield attempt("growth", lambda: check_growth(records.run, records.pool))
    if pool.ok and checkpoint.ok:
        yield attempt("rounds", records.check_events)
    result = attempt("result", records.check_result)
    yield result
    if result.ok and pool.ok:
        yield attempt("pool and cost", records.check_summary)
    if result.ok and checkpoint.ok:
        yield attempt("trajectory", records.check_trajectory)
    if records.examinations:
        yield attempt("examinations", records.check_examinations)
    if thorough and result.ok and checkpoint.ok:
        yield records.computed("accuracy", records.check_accuracy, device)
    if thorough and pool.ok:
        yield records.computed("images", records.check_images, device)


class _Records:
    """Read the files of a run's folder, each when it is first needed, and check them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()

    @cached_property
    def run(self) -> Run:
        return open_run(self.folder)

    @cached_property
    def pool(self) -> Pool:
        return open_pool(self.run, self.folder)

    @cached_property
    def result(self) -> Result:
        return read_result(self.folder / "result.json")

    @cached_property
    def checkpoint(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
        return load_tensors(self.folder / "checkpoint.safetensors", RESTORE)

    @cached_property
    def events(self) -> list[dict[str, Any]]:
        """Events in metrics.jsonl up to the last checkpoint, which has their number and digest."""
        _, values = self.checkpoint
        lines = (self.folder / "metrics.jsonl").read_text().splitlines()[: values["lines"]]
        agree("metrics.jsonl: digest", text_digest("\n".join(lines)), values["lines_sha256"])
        events = [json.loads(line) for line in lines]
        for event in events:
            if not (isinstance(event, dict) and event.get("event") in ("started", "added", "evaluated")):
                raise MismatchError(f"metrics.jsonl: {event}, not an event started, added or evaluated")
        return events

    @property
    def examinations(self) -> list[Path]:
        return examinations(self.folder)

    @cached_property
    def made_on(self) -> dict[str, str]:
        """Names of the devices that made the run, by kind; {} where the manifest or the journal is damaged."""
        try:
            return made_on(self.folder)
        except (InputError, OSError):
            return {}

    def computed(self, name: str, check: Callable[[str], str], device: str) -> Check:
        """Make a check that computes on a device, unless devices of another kind made the run."""
        kind, makers = torch.device(device).type, " and ".join(self.made_on)
        if set(self.made_on) <= {kind}:
            return attempt(name, lambda: check(device))
        if len(self.made_on) > 1:
            return Check(name, True, f"not checked: made on {makers}, so no one device repeats it", SEVERAL)
        model = f" ({self.made_on[makers]})" if self.made_on[makers] else ""
        return Check(name, True, f"not checked: made on {makers}{model}, and {kind} rounds otherwise", makers)

    def check_configuration(self) -> str:
        agree("config.json: the digest it gives", run_name(self.run), self.folder.name)
        agree("world", self.folder.parent.name, self.run.world.name)
        return "matches the name of the folder"

    def check_manifest(self) -> str:
        manifest = read_manifest(self.folder)
        missing = [name for name in ("versions", "git_revision") if not getattr(manifest, name)]
        if missing:
            raise MismatchError(f"manifest.json: without {', '.join(missing)}")
        self._check_identity("manifest.json", manifest.identity)
        made = f"made with {manifest.git_revision}, {manifest.started}"
        return f"{made}: {'' if manifest.sha256 else 'not '}signed, not checked"

    def check_journal(self) -> str:
        return f"{len(read_journal(self.folder))} lines whole; not signed, not checked"

    def _check_identity(self, where: str, stored: str) -> None:
        """Compare the digest of the generator's weights; files of older versions lack it ("")."""
        if stored:
            agree(f"{where}: identity", stored, world_of(self.run).identity())

    def check_checkpoint(self) -> str:
        _, values = self.checkpoint
        count = len(self.events)
        previous = self.folder / "checkpoint.previous.safetensors"
        if previous.exists():
            load_tensors(previous, f"delete {previous}: it is not needed while the newer one is whole")
        return f"whole, at iteration {values['step']}; the {count} lines of metrics match its digest"

    def check_guides(self) -> str:
        run, rounds = self.run, complete_rounds(self.folder)
        steered = run.acquire.steered
        for number in range(1, rounds if steered else 1):
            load_tensors(guide_path(self.folder, number), RESTORE)
        return f"{rounds - 1} whole" if steered else "none needed"

    def check_pool(self) -> str:
        known = {path.name for round_ in self.pool.rounds for path in round_.files}
        present = {path.name for path in (self.folder / "pool").glob("*.parquet")}
        if (others := sorted(present - known)) and (self.folder / "result.json").exists():
            raise MismatchError(f"pool: {others[0]} belongs to no round")
        return f"{len(known)} of {len(self.pool.rounds)} rounds, named after their contents"

    def check_events(self) -> str:
        rounds = self.checkpoint[1]["rounds"]
        if (self.folder / "result.json").exists():
            agree("checkpoint: rounds", rounds, len(self.pool.rounds))
        return check_events(self.run, self.pool, self.events, rounds)

    def check_result(self) -> str:
        if not (self.folder / "result.json").exists():
            raise MismatchError("result.json: missing; the run is not finished")
        world = world_of(self.run)
        if changes := differences(deciding(self.result.config, world.places), deciding_settings(self.run)):
            raise MismatchError(f"result.json: another configuration: {changes}")
        if message := contradiction(self.result, world.classes):
            raise MismatchError(message)
        self._check_identity("result.json", self.result.identity)
        return "matches its digest and the configuration; accuracy and counts of images agree"

    def check_summary(self) -> str:
        agree("pool", self.result.pool, self.pool.summary())
        agree("pool_size", self.result.pool_size, len(self.pool))
        stored, derived = self.result.cost, self._cost()
        agree("cost", sorted(stored), sorted(vars(derived)))
        for name, value in vars(derived).items():
            if name.endswith("_cpu_s"):
                continue
            if not math.isclose(stored[name], value, rel_tol=1e-9):
                raise MismatchError(f"cost.{name}: {stored[name]}, not {value}")
        return f"add up: {derived.images:,} images, {derived.denoiser_calls:,} denoiser calls"

    def _cost(self) -> Cost:
        """Derive the cost from the configuration and the number of rounds; sum GFLOP and skipped steps over rounds."""
        run, rounds = self.run, self.pool.rounds
        counts = expected(run, additions=len(rounds) - 1)
        held_out = counts.images - sum(round_.cost.images for round_ in rounds)  # plain images that are in no pool
        gflop = sum(round_.cost.sampling_gflop for round_ in rounds)
        return Cost(
            images=counts.images,
            denoiser_calls=counts.denoiser_calls,
            guided_steps=counts.guided * guided_steps(run),
            skipped_steps=sum(round_.cost.skipped_steps for round_ in rounds),
            sampling_gflop=gflop + held_out * gflop_per_image(rounds[0]),
            learner_steps=counts.learner_steps,
        )

    def check_trajectory(self) -> str:
        growth, training = self.run.growth, self.run.training
        evaluated = [event for event in self.events if event["event"] == "evaluated"]
        agree("trajectory", sorted(self.result.trajectory), sorted(TRAJECTORY))
        for name in TRAJECTORY:
            agree(f"trajectory.{name}", self.result.trajectory[name], [event[name] for event in evaluated])
        every = growth.evaluate_every
        steps = [*range(every, training.iterations, every), training.iterations]
        agree("trajectory.step", self.result.trajectory["step"], steps)
        agree("accuracy_validation", self.result.accuracy_validation, evaluated[-1]["accuracy_validation"])
        added = [event for event in self.events if event["event"] == "added"]
        sizes, size = [], growth.initial
        for step in steps:  # an evaluation at the step of an addition comes before it
            size += sum(event["added"] - event["retired"] for event in added if step - every <= event["step"] < step)
            sizes.append(size)
        agree("trajectory.pool", self.result.trajectory["pool"], sizes)
        return (
            f"{len(steps)} evaluations, as in the metrics; earlier accuracies, signals and losses: signed, not checked"
        )

    def check_examinations(self) -> str:
        for path in self.examinations:
            read_answer(path)
        return f"{', '.join(path.stem for path in self.examinations)} match their digests; signed, not checked"

    def check_accuracy(self, device: str) -> str:
        """Score the stored learner again on real data."""
        tensors, _ = self.checkpoint
        world, learner = world_of(self.run), new_learner(self.run, device)
        learner.load_state(tensors)
        score = world.test(learner)
        if score.correct is not None:
            stored = np.array([c == "1" for c in self.result.correct or ""])
            agree("test images", len(score.correct), len(stored))
            different = int((score.correct.numpy() != stored).sum())
            if different:
                raise MismatchError(
                    f"accuracy: other marks on {different} of {len(stored)} test images ({score.accuracy:.6f})"
                )
        if not math.isclose(score.accuracy, self.result.accuracy, abs_tol=1e-12):
            raise MismatchError(f"accuracy: {self.result.accuracy!r}, not {score.accuracy!r}")
        agree("alignment", self.result.alignment is None, score.alignment is None)
        if score.alignment is not None and not math.isclose(
            self.result.alignment or 0.0, score.alignment, abs_tol=1e-12
        ):
            raise MismatchError(f"alignment: {self.result.alignment!r}, not {score.alignment!r}")
        agree("sets", self.result.sets, {name: counts._asdict() for name, counts in score.sets.items()})
        validation = accuracy(learner, world.validation_split(self.run.seed))
        agree("accuracy_validation", self.result.accuracy_validation, validation)
        return f"{score.accuracy:.4f}, scored again from the stored learner"

    def check_images(self, device: str) -> str:
        """Make a few rows of the pool again from their seeds, and count the GFLOP."""
        rows = remake(self.run, self.folder, self.pool, some_rows(self.pool, REMADE), device)
        if bad := [row for row in rows if not row.same]:
            where = " and ".join(self.made_on) or "an unknown device"
            raise MismatchError(
                f"row {bad[0].row}: differs by up to {bad[0].distance:.2g} from its seed's image (made on {where})"
            )
        for row in rows if self.made_on else []:
            stored = gflop_per_image(self.pool.rounds[row.round])
            if not math.isclose(stored, row.gflop, rel_tol=1e-9):
                raise MismatchError(f"round {row.round}: cost.sampling_gflop: {stored} an image, not {row.gflop}")
        return f"rows {', '.join(str(row.row) for row in rows)} made again, bit for bit"
