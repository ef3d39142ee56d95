"""Figures as PNG images, drawn without pyplot and hence without global state."""
