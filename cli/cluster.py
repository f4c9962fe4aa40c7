"""Make training runs as jobs of a cluster."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cli.options import Options
from cli.terminal import console
from empirical.scale.slurm import Cluster, cluster_settings
from empirical.scale.sweep import Case


def make_jobs(cases: Sequence[Case], options: Options, progress: Callable[[int, int, str], None]) -> None:
    """Submit the runs that are left and wait for them; when interrupted, leave the jobs running and say how to stop."""
    asked = cluster_settings(options.slurm, options.slurm_minutes, options.workers)
    cluster = Cluster(options.out / "slurm", options.out / "runs", options.device, asked)
    try:
        cluster.finish(cases, progress)
    except KeyboardInterrupt:
        names = " ".join(job.id for job in cluster.alive())
        if names and asked.cluster == "slurm":
            console.print(f"the jobs keep running (`scancel {names}` would stop them)", markup=False, soft_wrap=True)
        raise
