"""experiments/gpu/check.sh: bad arguments are refused, and a step leaves its table, manifest and archive on a CPU."""

import csv
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from support.places import EXPERIMENTS

SCRIPT = EXPERIMENTS / "gpu" / "check.sh"


def check(*arguments, **variables):
    python = str(Path(sys.executable).parent)
    environment = os.environ | {"PATH": f"{python}{os.pathsep}{os.environ['PATH']}"} | variables
    return subprocess.run(["bash", SCRIPT, *arguments], env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("arguments", "device"), [([], "cpu"), (["6"], "cpu"), (["1"], "tpu")])
def test_bad_arguments_are_refused_and_nothing_is_written(arguments, device, tmp_path):
    done = check(*arguments, DEVICE=device, OUT=str(tmp_path / "out"))
    assert done.returncode == 2
    assert "allowed" in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_step_leaves_table_manifest_and_archive(tmp_path):
    done = check("1", DEVICE="cpu", OUT=str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    with tarfile.open(tmp_path / "step1.tar.gz") as archive:
        archive.extractall(tmp_path / "sent", filter="data")
    folder = tmp_path / "sent" / "step1"
    assert json.loads((folder / "manifest.json").read_text())["hardware"]["device"] == "cpu"
    rows = list(csv.DictReader((folder / "table.csv").read_text().splitlines()))
    assert {row["value"] for row in rows if row["quantity"] == "outcome"} == {"passed"}
    assert sum(float(row["value"]) for row in rows if row["unit"] == "s") > 0


def test_a_step_that_is_stopped_leaves_its_archive(tmp_path):
    done = check("4", DEVICE="cpu", OUT=str(tmp_path), LIMIT="0.01")
    assert done.returncode != 0
    with tarfile.open(tmp_path / "step4.tar.gz") as archive:
        assert "step4/manifest.json" in archive.getnames()
