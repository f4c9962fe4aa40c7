"""Make training runs as jobs of a cluster."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cli.options import Options
from cli.terminal import console
from empirical.scale.slurm import Cluster, cluster_settings
from empirical.scale.sweep import Case


def make_jobs(cases: Sequence[Case], options: Options, progress: Callable[[int, int, str], None]) -> None:
    """Submit the unfinished runs and wait for them; after Ctrl-C the jobs keep running, and `scancel` is named."""
    settings = cluster_settings(options.slurm, options.slurm_minutes, options.workers)
    cluster = Cluster(options.out / "slurm", options.out / "runs", options.device, settings)
    try:
        cluster.finish(cases, progress)
    except KeyboardInterrupt:
        names = " ".join(job.id for job in cluster.alive())
        if names and settings.cluster == "slurm":
            console.print(f"the jobs keep running (`scancel {names}` would stop them)", markup=False, soft_wrap=True)
        raise
