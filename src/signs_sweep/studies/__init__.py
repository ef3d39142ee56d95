"""Studies: searches with Optuna, and what they found. Optuna is imported by what is called."""

from signs_sweep.studies.importances import importances, in_words

__all__ = ["importances", "in_words"]
