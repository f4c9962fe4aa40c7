"""Configurations: their sections, how values are checked, and the recipes in TOML files."""
