"""Tensors that pretend to be on a GPU: shapes without values, on a machine that has none.

Tensors on the CPU are real. Operations on both sides raise, as on a GPU; so do reads of values, which would make the
program wait for a GPU. Only forward passes work: torch's gradients ask the driver for the device.
"""

from collections import Counter

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

GPU = torch.device("cuda", 0)


class Pretended(FakeTensorMode):
    """Make tensors on `GPU` inside; operations that concern the CPU alone are carried out as ever."""

    def __init__(self):
        super().__init__(allow_non_fake_inputs=True)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        leaves = tree_leaves((args, kwargs))
        on_gpu = any(isinstance(leaf, FakeTensor) for leaf in leaves)
        to_gpu = any(isinstance(leaf, torch.device) and leaf.type == "cuda" for leaf in leaves)
        if on_gpu or to_gpu:
            return super().__torch_dispatch__(func, types, args, kwargs)
        return func(*args, **(kwargs or {}))


class Traffic(TorchDispatchMode):
    """Count what a GPU would be asked to do: copies from the CPU to it, back, and other operations by name."""

    def __init__(self):
        super().__init__()
        self.to_gpu, self.to_cpu, self.launches = 0, 0, Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        before = _kinds(args, kwargs)
        result = func(*args, **(kwargs or {}))
        after = _kinds(result)
        copies = func.overloadpacket in (torch.ops.aten._to_copy, torch.ops.aten.copy_)
        if copies and before >= {"cpu"} and "cuda" in after:
            self.to_gpu += 1
        elif copies and before == {"cuda"} and "cpu" in after:
            self.to_cpu += 1
        elif "cuda" in after and not func.is_view:
            self.launches[str(func.overloadpacket)] += 1
        return result


def _kinds(*values):
    return {leaf.device.type for leaf in tree_leaves(values) if isinstance(leaf, Tensor)}
