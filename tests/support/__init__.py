"""Plain helpers that tests import: where files are, small experiments, invented records, toy models."""
