"""Studies: searches with Optuna, and what they found. Optuna is imported by what is called."""

from signs_sweep.studies.importances import importances, in_words
from signs_sweep.studies.pictures import draw_study

__all__ = ["draw_study", "importances", "in_words"]
