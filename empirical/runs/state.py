"""A run in progress: its learner, its pool, its position and its metrics, saved to and restored from its folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from empirical.config import Run, new_learner, world_of
from empirical.diffusion.cost import Cost
from empirical.loop.patience import Plateau
from empirical.pool.pool import Pool
from empirical.practice import Event, Progress
from empirical.runs.checkpoint import NAME, read_checkpoint, write_checkpoint
from empirical.runs.folder import guide_path
from empirical.system.ranks import ALONE, Ranks
from empirical.system.tensors import save_tensors


class State:
    """The parts of a run in progress and their place on disk."""

    def __init__(self, run: Run, directory: Path, device: str, ranks: Ranks = ALONE) -> None:
        self.run, self.directory, self.ranks = run, directory, ranks
        self.learner = new_learner(run, device)
        self.progress, self.learner_cpu_s = Progress(), 0.0
        self.lines: list[str] = []
        rounds = 0
        if (directory / NAME).exists():
            tensors, values, self.lines = read_checkpoint(directory)
            self.learner.load_state(tensors)
            self.progress = Progress(values["step"], values["additions"], Plateau(values["best"], values["waited"]))
            self.learner_cpu_s, rounds = values["learner_cpu_s"], values["rounds"]
        if ranks.count > 1:
            self.learner.distribute(ranks)
        self.pool = Pool(directory / "pool", world_of(run).shape, rounds, device, run.growth.newest_weight)

    def save(self) -> None:
        """Write a checkpoint of everything that the rest of the run depends on."""
        if not self.ranks.first:
            return
        p = self.progress
        values = {
            "step": p.step,
            "additions": p.additions,
            "best": p.plateau.best,
            "waited": p.plateau.waited,
            "learner_cpu_s": self.learner_cpu_s,
            "rounds": len(self.pool.rounds),
        }
        write_checkpoint(self.directory, self.learner.state(), values, self.lines)

    def save_guide(self) -> None:
        """Keep the learner as it guides the coming round, so that its images can be made again."""
        if self.ranks.first and self.run.acquire.steered:
            save_tensors(guide_path(self.directory, len(self.pool.rounds)), self.learner.evaluated(), {})

    def log(self, event: Event) -> None:
        """Remember an event for metrics.jsonl."""
        self.lines.append(json.dumps({"event": event.kind, **event.values}))

    def events(self, kind: str) -> list[dict[str, Any]]:
        """Return the values of all events of a kind so far."""
        return [values for line in self.lines if (values := json.loads(line))["event"] == kind]

    def cost(self) -> Cost:
        """Add up what the loop has spent so far, shared work counted as if the run had been alone."""
        total = Cost(learner_steps=self.progress.step, learner_cpu_s=self.learner_cpu_s)
        for round_ in self.pool.rounds:
            total.add(round_.cost)
        return total
