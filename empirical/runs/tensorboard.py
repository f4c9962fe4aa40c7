"""Live scalars of a run for TensorBoard, each step once, however often the run was stopped.

<run>/tensorboard/events.out.tfevents.*      one file a start; a step that an earlier file has is not written again
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from empirical.practice import Event
from empirical.system.errors import InputError

LOSS, ACCURACY, SIGNAL = "loss", "accuracy/validation", "accuracy/signal"
SIZE, ENTROPY, IMAGES = "pool/size", "pool/entropy when added", "pool/images generated"


class Scalars:
    """Writes the events of the run in `folder`; what happened before it was asked for is made up from the metrics.

    Raises InputError where the package tensorboard is missing.
    """

    def __init__(self, folder: Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise InputError(
                "--tensorboard", "no package tensorboard", "an installed one", 'pip install -e ".[tensorboard]"'
            ) from None
        self.folder = folder
        self.written = last_steps(folder / "tensorboard")
        self.images: dict[int, int] = {}  # generated, by round
        self.writer = SummaryWriter(str(folder / "tensorboard"), flush_secs=5)
        self.caught_up = False

    def __enter__(self) -> Scalars:
        return self

    def __exit__(self, *_: object) -> None:
        self.catch_up()
        self.writer.close()

    def write(self, event: Event) -> None:
        """Write an event of the loop."""
        self.catch_up()
        self._write(event.kind, event.values)

    def catch_up(self) -> None:
        """Write what is in the run's metrics already; a run that starts from another's state gets them at its start."""
        if self.caught_up:
            return
        self.caught_up, metrics = True, self.folder / "metrics.jsonl"
        for line in metrics.read_text().splitlines() if metrics.exists() else []:
            values = json.loads(line)
            self._write(values.pop("event"), values)

    def _write(self, kind: str, values: Mapping[str, Any]) -> None:
        if kind == "started":
            self.images[0] = values["pool"]
            self._scalar(SIZE, values["pool"], 0)
            self._scalar(IMAGES, values["pool"], 0)
        elif kind == "added":
            self.images[values["round"]] = values["images"]
            self._scalar(ENTROPY, values["entropy"], values["step"])
            self._scalar(IMAGES, sum(self.images.values()), values["step"])
        elif kind == "evaluated":
            step = values["step"]
            self._scalar(LOSS, values["loss"], step)
            self._scalar(ACCURACY, values["accuracy_validation"], step)
            self._scalar(SIZE, values["pool"], step)
            if values["signal"] != values["accuracy_validation"]:
                self._scalar(SIGNAL, values["signal"], step)

    def _scalar(self, tag: str, value: float, step: int) -> None:
        if step > self.written.get(tag, -1):
            self.writer.add_scalar(tag, value, step)
            self.written[tag] = step


def last_steps(directory: Path) -> dict[str, int]:
    """The last step of every scalar in a folder of event files; a file that was cut off counts as far as it goes."""
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    steps: dict[str, int] = {}
    for path in sorted(directory.glob("events.out.tfevents.*")):
        for event in EventFileLoader(str(path)).Load():
            for value in event.summary.value:
                steps[value.tag] = max(steps.get(value.tag, -1), event.step)
    return steps
