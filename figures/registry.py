"""Where the figures live, by name."""

ROOMS = {
    "practice": ("fig1", "fig2", "fig4", "fig5", "fig6", "fig9", "validation", "no_real_data", "outliers", "adaptive"),
    "theory": ("fig3", "fig7", "curation", "spectra", "phase", "loss", "exponent"),
    "tables": ("table1", "table2", "table3", "table4", "table5", "modes", "workshop"),
    "pictures": ("fig8", "fig10", "fig11", "fig12", "fig13"),
}
MODULES = {name: f"figures.{room}.{name}" for room, names in ROOMS.items() for name in names}
