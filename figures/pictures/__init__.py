"""Figures of sample images (Figs. 8, 10-13), each with a table of the images' entropies."""
