"""The look of every figure: styles, axes, curves with error bars, bands, dot plots of tables and grids of images."""
