"""Figures as PNG images, drawn without pyplot and thus without global state."""
