"""The device that these tests ask: `pytest -n0 -m gpu tests/gpu` on a machine with a GPU.

`-m slow` rehearses the same bodies on a CPU, where most of what they ask is trivially true: it shows that they run.
"""

import pytest
import torch

from empirical.system.devices import settle


@pytest.fixture(params=[pytest.param("cuda", marks=pytest.mark.gpu), pytest.param("cpu", marks=pytest.mark.slow)])
def device(request):
    """Return the name of a settled device, "cuda" or, to rehearse, "cpu"."""
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    settle(request.param)
    return request.param
