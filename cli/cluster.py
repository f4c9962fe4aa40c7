"""Training runs as jobs of a cluster."""

from __future__ import annotations

from collections.abc import Sequence

from cli.options import Options
from cli.terminal import console, progress_line
from empirical.scale.slurm import Cluster, settings
from empirical.scale.sweep import Case


def make_jobs(cases: Sequence[Case], options: Options) -> None:
    """Submit what is to be done and wait for it; interrupted, say how to go on and leave the jobs running."""
    asked = settings(options.slurm, options.slurm_minutes, options.workers)
    cluster = Cluster(options.out / "slurm", options.out / "runs", options.device, asked)
    try:
        with progress_line("training runs") as report:
            cluster.finish(cases, report)
    except KeyboardInterrupt:
        names = " ".join(job.id for job in cluster.alive())
        if names and asked.cluster == "slurm":
            console.print(f"the jobs keep running (`scancel {names}` would stop them)", markup=False, soft_wrap=True)
        raise
