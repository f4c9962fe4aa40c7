"""The real training loop: deliberate practice, its baselines and controls, on CPU or GPUs."""
