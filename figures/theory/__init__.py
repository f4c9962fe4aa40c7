"""Figures of theory alone: exact laws and their Monte Carlo."""
