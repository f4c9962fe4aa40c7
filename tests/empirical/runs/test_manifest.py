"""Test the manifest and the journal of a run: what a bare machine cannot tell, and which devices made a run."""

import json
from importlib.metadata import PackageNotFoundError

import torch

import empirical
from empirical.runs import manifest as module
from empirical.runs.manifest import made_on, manifest, note
from empirical.system.files import write_signed


def test_a_machine_without_packages_metadata_and_git_makes_a_manifest(monkeypatch):
    def nothing(*_, **__):
        raise PackageNotFoundError("x")

    def no_git(*_, **__):
        raise FileNotFoundError("git")

    monkeypatch.setattr(module, "version", nothing)
    monkeypatch.setattr(module.subprocess, "run", no_git)
    values = manifest("cpu")
    assert values["git_revision"] == "unknown"
    versions = values["versions"]
    assert versions.pop("deliberate-practice") == empirical.__version__
    assert versions.pop("python").startswith("3.")
    assert set(versions.values()) == {"unknown"}
    json.dumps(values)


def test_a_manifest_names_its_gpu_and_the_arithmetic(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda place: f"GPU {torch.device(place).index}")
    values = manifest("cuda:1")
    assert values["hardware"]["device_name"] == "GPU 1"
    assert {"deterministic", "tf32_matmul", "tf32_convolution", "cublas_workspace"} <= set(values["arithmetic"])


def test_the_devices_of_a_run_are_those_of_all_its_starts(tmp_path):
    write_signed(tmp_path / "manifest.json", manifest("cpu"))
    note(tmp_path, "started", step=0)  # as older versions wrote it
    assert list(made_on(tmp_path)) == ["cpu"]
    note(tmp_path, "resumed", step=4, device="cuda:1", device_name="NVIDIA H200")
    note(tmp_path, "recovered", step=4, damage="cut off")
    assert made_on(tmp_path)["cuda"] == "NVIDIA H200"
    assert sorted(made_on(tmp_path)) == ["cpu", "cuda"]
