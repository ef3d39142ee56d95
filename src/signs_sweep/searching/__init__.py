"""Searching a space with Optuna: from a spec to a winner that was confirmed.

`begin_search` opens the study, `Searching.execute` makes the trials and the confirmation, and a
`SearchOutcome` says what came of it.
"""

from signs_sweep.searching.beginning import begin_search
from signs_sweep.searching.execution import Searching
from signs_sweep.searching.outcome import SearchOutcome, Summary
from signs_sweep.searching.words import best_spec, describe, left_out, sentences

__all__ = [
    "SearchOutcome",
    "Searching",
    "Summary",
    "begin_search",
    "best_spec",
    "describe",
    "left_out",
    "sentences",
]
