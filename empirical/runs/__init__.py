"""Run a configuration in its folder: state, checkpoints, results, sharing between runs."""
