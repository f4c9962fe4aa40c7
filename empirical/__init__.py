"""The real training loop: deliberate practice, its baselines and controls, on CPU or GPUs."""

__version__ = "0.1.0"  # of the whole package; names of runs depend on it, so it must not depend on an installation
