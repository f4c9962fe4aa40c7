"""Many runs at once: sweeps over workers and SLURM jobs, and measured speeds."""
