"""Plain samples, made once: the methods that compare at one run seed share the same unguided images."""

from __future__ import annotations

from pathlib import Path

import torch

from empirical.data.images import decode, encode
from empirical.diffusion.cost import Cost
from empirical.diffusion.guidance import Guide, Unguided
from empirical.diffusion.sampler import Sampler, Samples
from empirical.settings.values import values_digest
from empirical.system.tensors import load_tensors, save_tensors


class PlainSamples:
    """A `Sampler` that keeps its unguided batches on disk, in blocks of one sampling batch; guided ones pass through.

    The cost it reports is that of drawing anew: counts are computed, CPU seconds are those of the block's making.
    """

    def __init__(self, sampler: Sampler, root: Path) -> None:
        settings = sampler.settings
        self.sampler, self.block = sampler, settings.batch
        name = values_digest(
            [
                sampler.generator.name,
                sampler.generator.identity(),
                sampler.generator.shape,
                vars(settings),
                torch.device(sampler.device).type,
            ]
        )
        self.directory = root / f"plain-{name}"

    def draw(self, run_seed: int, first: int, count: int, guide: Guide | None = None) -> tuple[Samples, Cost]:
        """See `Sampler.draw`."""
        if guide is not None and not isinstance(guide, Unguided):
            return self.sampler.draw(run_seed, first, count, guide)
        blocks = range(first // self.block, (first + count - 1) // self.block + 1)
        parts, costs = zip(*(self._block(run_seed, b) for b in blocks), strict=True)
        low = first - blocks[0] * self.block
        samples = Samples(*(torch.cat(column)[low : low + count] for column in zip(*parts, strict=True)))
        total = Cost()
        for cost in costs:
            total.add(cost)
        drawn = len(blocks) * self.block
        for name, value in vars(total).items():
            setattr(total, name, value * count // drawn if isinstance(value, int) else value * count / drawn)
        return samples, total

    def _block(self, run_seed: int, number: int) -> tuple[Samples, Cost]:
        path = self.directory / f"seed_{run_seed:04d}" / f"block_{number:05d}.safetensors"
        if not path.exists():
            samples, cost = self.sampler.draw(run_seed, number * self.block, self.block)
            payloads = encode(samples.images)
            data = torch.frombuffer(bytearray(b"".join(payloads)), dtype=torch.uint8)
            lengths = torch.tensor([len(payload) for payload in payloads])
            save_tensors(path, {**samples._asdict(), "images": data, "lengths": lengths}, vars(cost))
            return samples, cost
        tensors, values = load_tensors(path, do=f"delete {path.parent} and rerun")
        payloads = [part.numpy().tobytes() for part in tensors["images"].split(tensors.pop("lengths").tolist())]
        return Samples(**{**tensors, "images": decode(payloads, self.sampler.generator.shape)}), Cost(**values)
