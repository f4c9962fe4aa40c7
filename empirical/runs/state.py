"""One run on disk, from its configuration to its result; resumed wherever it was stopped. Its folder: see `rundir`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from empirical.config import Run
from empirical.diffusion.cost import Cost
from empirical.loop.patience import Plateau
from empirical.pool.pool import Pool
from empirical.practice import Event, Progress
from empirical.runs.checkpoint import _keep_previous, saved
from empirical.runs.folder import guide_path
from empirical.system.files import text_digest, write_bytes
from empirical.system.ranks import ALONE, Ranks
from empirical.system.tensors import save_tensors


class State:
    """The parts of a run in progress and their place on disk."""

    def __init__(self, run: Run, directory: Path, device: str, ranks: Ranks = ALONE) -> None:
        self.run, self.directory, self.ranks = run, directory, ranks
        self.learner = run.world.learner(run, device)
        self.progress, self.learner_cpu_s = Progress(), 0.0
        self.lines: list[str] = []
        rounds = 0
        if (directory / "checkpoint.safetensors").exists():
            tensors, values, self.lines = saved(directory)
            self.learner.load_state(tensors)
            self.progress = Progress(values["step"], values["additions"], Plateau(values["best"], values["waited"]))
            self.learner_cpu_s, rounds = values["learner_cpu_s"], values["rounds"]
        if ranks.count > 1:
            self.learner.distribute(ranks)
        self.pool = Pool(directory / "pool", run.world.shape, rounds, device, run.growth.newest_weight)

    def save(self) -> None:
        """Record everything the rest of the run depends on; the metrics first, since the checkpoint counts them."""
        if not self.ranks.first:
            return
        write_bytes(self.directory / "metrics.jsonl", "".join(line + "\n" for line in self.lines).encode())
        p = self.progress
        values = {
            "step": p.step,
            "additions": p.additions,
            "best": p.plateau.best,
            "waited": p.plateau.waited,
            "learner_cpu_s": self.learner_cpu_s,
            "rounds": len(self.pool.rounds),
            "lines": len(self.lines),
            "lines_sha256": text_digest("\n".join(self.lines)),
        }
        _keep_previous(self.directory)
        save_tensors(self.directory / "checkpoint.safetensors", self.learner.state(), values)

    def save_guide(self) -> None:
        """Keep the learner as it guides the coming round, so that its images can be made again."""
        acquire = self.run.acquire
        if self.ranks.first and acquire.omega > 0 and acquire.direction == "entropy":
            save_tensors(guide_path(self.directory, len(self.pool.rounds)), self.learner.evaluated(), {})

    def log(self, event: Event) -> None:
        """Remember an event for metrics.jsonl."""
        self.lines.append(json.dumps({"event": event.kind, **event.values}))

    def events(self, kind: str) -> list[dict[str, Any]]:
        """All events of a kind so far."""
        return [values for line in self.lines if (values := json.loads(line))["event"] == kind]

    def cost(self) -> Cost:
        """What the loop spent so far, as if the run had been alone."""
        total = Cost(learner_steps=self.progress.step, learner_cpu_s=self.learner_cpu_s)
        for round_ in self.pool.rounds:
            total.add(round_.cost)
        return total
