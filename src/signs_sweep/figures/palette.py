"""Colours of settings: a placeholder until the figures are merged."""

MOST_COLOURS = 7
