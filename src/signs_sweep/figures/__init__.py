"""Figures, drawn without pyplot and hence without global state: PNG of a run, SVG of a report."""
