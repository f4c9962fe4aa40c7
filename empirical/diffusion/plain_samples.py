"""Unguided samples that are made once and kept on disk, for all methods that are compared at one run seed."""

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
    """Draw like a `Sampler`, but keep unguided images on disk, in blocks of one sampling batch; pass guided draws on.

    The reported cost is that of drawing anew: counts are computed, CPU seconds were measured when the block was made.
    """

    def __init__(self, sampler: Sampler, root: Path) -> None:
        settings = sampler.settings
        self.sampler, self.block = sampler, settings.batch
        name = values_digest(
            [
                sampler.generator.name,
                sampler.generator.identity(),
                sampler.generator.shape,
                {key: value for key, value in vars(settings).items() if key != "bf16" or value},  # bf16 came later
                torch.device(sampler.device).type,
            ]
        )
        self.directory = root / f"plain-{name}"

    def draw(self, run_seed: int, first: int, count: int, guide: Guide | None = None) -> tuple[Samples, Cost]:
        """Draw as `Sampler.draw` does."""
        if guide is not None and not isinstance(guide, Unguided):
            return self.sampler.draw(run_seed, first, count, guide)
        blocks = range(first // self.block, (first + count - 1) // self.block + 1)
        batches, costs = zip(*(self._block(run_seed, number) for number in blocks), strict=True)
        low = first - blocks[0] * self.block
        samples = Samples.joined(batches).part(low, low + count)
        total = Cost()
        for cost in costs:
            total.add(cost)
        drawn = len(blocks) * self.block
        for name, value in vars(total).items():
            setattr(total, name, value * count // drawn if isinstance(value, int) else value * count / drawn)
        return samples, total

    def _block(self, run_seed: int, number: int) -> tuple[Samples, Cost]:
        """Read a block from disk, or draw and write it; return its samples and their cost."""
        path = self.directory / f"seed_{run_seed:04d}" / f"block_{number:05d}.safetensors"
        if not path.exists():
            samples, cost = self.sampler.draw(run_seed, number * self.block, self.block)
            samples = samples._replace(payloads=tuple(encode(samples.images)))
            columns = {name: getattr(samples, name) for name in ("labels", "seeds", "indices")}
            joined = torch.frombuffer(bytearray(b"".join(samples.payloads)), dtype=torch.uint8)
            sizes = torch.tensor([len(payload) for payload in samples.payloads])
            save_tensors(path, {"images": joined, **columns, "lengths": sizes}, vars(cost))
            return samples, cost
        tensors, values = load_tensors(path, do=f"delete {path.parent} and rerun")
        data, lengths = tensors.pop("images"), tensors.pop("lengths").tolist()
        payloads = tuple(one.numpy().tobytes() for one in data.split(lengths))
        images = decode(payloads, self.sampler.generator.shape)
        return Samples(images=images, **tensors, payloads=payloads), Cost(**values)
