"""Figures of the paper: tidy tables in, matplotlib figures out."""
