"""Test the requests to SLURM, whose commands are replaced by programs that run the given script."""

import os
import stat
import sys

import pytest
from support.runs import cases_of, tiny

from empirical.scale.slurm import Cluster, Slurm, cluster_settings

pytestmark = [
    pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning"),
    pytest.mark.usefixtures("_garbage_collected"),
]
SBATCH = """#!{python}
import os, re, subprocess, sys
script = sys.argv[1]
text = open(script).read()
tasks = re.search(r"--array=0-([0-9]+)", text)
print("Submitted batch job 4711")
sys.stdout.flush()
for task in range(int(tasks.group(1)) + 1 if tasks else 1):
    environment = dict(os.environ, SLURM_JOB_ID=str(4711 + task), SLURM_NTASKS="1", SLURM_PROCID="0", SLURM_NODEID="0")
    if tasks:
        environment |= dict(SLURM_ARRAY_JOB_ID="4711", SLURM_ARRAY_TASK_ID=str(task))
    subprocess.Popen(["bash", script], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                     stderr=subprocess.DEVNULL, start_new_session=True)
"""
SRUN = """#!{python}
import os, sys
words = [w for w in sys.argv[1:]]
while words[0].startswith("--"):
    words = words[1:] if words[0] == "--unbuffered" else words[2:]
os.execvp(words[0], words)
"""
SACCT = """#!{python}
print("JobID|State|NodeList")
for task in range(8): print("4711_%d|RUNNING|here" % task)
"""


@pytest.fixture
def commands(tmp_path, monkeypatch):
    """Put stand-ins for `sbatch`, `srun` and `sacct` first on the PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, text in (("sbatch", SBATCH), ("srun", SRUN), ("sacct", SACCT)):
        path = folder / name
        path.write_text(text.replace("{python}", sys.executable))
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


@pytest.mark.usefixtures("commands")
def test_slurm_is_asked_for_what_the_file_says(tmp_path):
    cases = cases_of([tiny("linear", seed=seed) for seed in (0, 1)])
    asked = Slurm(partition="long", minutes=90, jobs=2, cpus=3, memory_gb=5, account="lab", qos="low",
                  constraint="a100", setup=("export STAND_IN=1",))  # fmt: skip
    cluster = Cluster(tmp_path / "slurm", tmp_path / "runs", "cpu", asked)
    cluster.finish(cases, lambda *_: None)
    (script,) = (tmp_path / "slurm").glob("*_submission.sh")
    lines = script.read_text().splitlines()
    flags = {line.removeprefix("#SBATCH --") for line in lines if line.startswith("#SBATCH")}
    assert flags >= {
        "partition=long", "time=90", "cpus-per-task=3", "mem=5GB", "account=lab", "qos=low", "constraint=a100",
        "array=0-1%2", "requeue", "nodes=1", "ntasks-per-node=1", "open-mode=append",
    }  # fmt: skip
    assert any(flag.startswith("signal=USR2@") for flag in flags)
    assert not any(flag.startswith("gpus") for flag in flags)
    assert "export STAND_IN=1" in lines
    assert [job.id for job in cluster.jobs] == ["4711_0", "4711_1"]


@pytest.mark.usefixtures("commands")
@pytest.mark.parametrize(
    ("asked", "device", "gpus"),
    [(Slurm(), "cuda", 1), (Slurm(ranks=4, nodes=2), "cuda", 2), (Slurm(gpus=3), "cpu", 3), (Slurm(), "cpu", None)],
)
def test_gpus_are_asked_for_where_they_are_used(tmp_path, asked, device, gpus):
    parameters = Cluster(tmp_path / "slurm", tmp_path / "runs", device, asked).executor._executor.parameters
    assert parameters.get("gpus_per_node") == gpus
    assert parameters["ntasks_per_node"] == asked.ranks // asked.nodes


def test_a_partition_or_a_file_with_the_flags_on_top(tmp_path):
    assert cluster_settings("gpu", 30) == Slurm(partition="gpu", minutes=30)
    path = tmp_path / "lab.toml"
    path.write_text('[slurm]\npartition = "gpu"\nminutes = 60\nsetup = ["module load cuda"]\n')
    assert cluster_settings(str(path)) == Slurm(partition="gpu", minutes=60, setup=("module load cuda",))
    assert cluster_settings(str(path), 5, 2) == Slurm(
        partition="gpu", minutes=5, workers=2, setup=("module load cuda",)
    )
