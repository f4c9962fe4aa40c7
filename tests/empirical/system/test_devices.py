"""Test the settling of a device, without a GPU: what is switched, refused, spread and explained."""

import os
from datetime import timedelta
from types import SimpleNamespace

import pytest
import torch
from support.errors import complains
from torch.utils import deterministic

from empirical.system import devices
from empirical.system.devices import TooLargeError, arithmetic, available, fitting, prepare, settle, spread
from empirical.system.ranks import Ranks, launched


@pytest.fixture
def switches(monkeypatch):
    """Restore torch's switches at the end; pretend to have three GPUs."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "")
    before = (deterministic.fill_uninitialized_memory, torch.backends.cudnn.benchmark,
              torch.backends.cuda.cudnn_sdp_enabled(), torch.backends.cuda.matmul.allow_tf32,
              torch.backends.cudnn.allow_tf32)  # fmt: skip
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.benchmark = True
    yield
    torch.use_deterministic_algorithms(False)
    deterministic.fill_uninitialized_memory, torch.backends.cudnn.benchmark = before[:2]
    torch.backends.cuda.enable_cudnn_sdp(before[2])
    torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before[3:]


@pytest.mark.usefixtures("switches")
def test_a_gpu_is_made_repeatable_and_the_record_is_what_torch_says():
    assert not arithmetic("cuda:2")["deterministic"]
    settle("cuda:2")
    assert torch.are_deterministic_algorithms_enabled()
    assert not torch.is_deterministic_algorithms_warn_only_enabled()  # else attention keeps its fastest gradient
    assert not torch.backends.cuda.cudnn_sdp_enabled()
    assert not torch.backends.cudnn.benchmark
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
    expected = {"deterministic": True, "tf32_matmul": False, "tf32_convolution": False, "cublas_workspace": ":4096:8"}
    assert arithmetic("cuda:2").items() >= expected.items()


@pytest.mark.usefixtures("switches")
def test_nothing_is_switched_for_the_cpu():
    threads = torch.get_num_threads()
    settle("cpu")
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.backends.cuda.matmul.allow_tf32
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ""
    assert arithmetic("cpu") == {"threads": threads}
    prepare("cpu")
    assert arithmetic("cpu") == {"threads": 1}


@pytest.mark.usefixtures("switches")
def test_devices_are_looked_for_without_a_context(monkeypatch):
    """A context takes half a gigabyte of a GPU; eight processes that look would take it eight times, all on GPU 0."""
    monkeypatch.setattr(torch.cuda, "_lazy_init", lambda: pytest.fail("a context was opened"))
    available("cuda")
    available("cuda:2")
    for name in ("cuda:3", "nothing", "cuda:x"):
        with complains("--device"):
            available(name)


@pytest.mark.usefixtures("switches")
def test_processes_take_the_visible_gpus_in_turns():
    assert spread("cuda", 5) == ["cuda:0", "cuda:1", "cuda:2", "cuda:0", "cuda:1"]
    assert spread("cuda:1", 3) == ["cuda:1"] * 3
    assert spread("cpu", 2) == ["cpu", "cpu"]


def test_errors_of_a_gpu_are_explained_and_others_are_not():
    with (
        pytest.raises(TooLargeError, match=r"sampling: .*2.00 GiB.*; lower sampling.batch"),
        fitting("sampling", "lower sampling.batch"),
    ):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has 1 GiB free.")
    with complains("training"), fitting("training", "lower training.batch"):
        raise RuntimeError("histc_cuda does not have a deterministic implementation, but you set ...")
    with pytest.raises(RuntimeError, match="another"), fitting("training", "lower training.batch"):
        raise RuntimeError("another")


def test_names_of_gpus_are_those_of_their_index(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda place: f"GPU {torch.device(place).index}")
    assert devices.device_name("cuda:1") == "GPU 1"


def test_a_launched_process_takes_its_own_gpu_before_anything_else(monkeypatch):
    """Else each of them opens a context on GPU 0; and it waits longer than NCCL's ten minutes for the first process."""
    calls = []
    state = SimpleNamespace(process_index=1, num_processes=2, device="cuda:1", destroy_process_group=lambda: None)
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setattr(torch.cuda, "set_device", lambda index: calls.append(index))
    monkeypatch.setattr("accelerate.PartialState", lambda **settings: calls.append(settings) or state)
    with launched("cuda") as (ranks, device):
        assert (ranks, device) == (Ranks(1, 2), "cuda:1")
    index, settings = calls
    assert (index, settings["cpu"]) == (1, False)
    assert settings["timeout"] >= timedelta(hours=1)
