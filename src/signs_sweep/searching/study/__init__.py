"""Studies: searches with Optuna, and what they found. Optuna is imported by what is called.

`open_study` opens one in its database, `OwnTrials` are the trials that a search made in it,
`StudyScheduler` proposes more, `importances` and `draw_search` show what came of them. What else
a search needs of a study is in the module about it: `space`, `storage`, `methods`, `scheduler`.
"""

from signs_sweep.searching.study.importances import importances
from signs_sweep.searching.study.own import OwnTrials
from signs_sweep.searching.study.page import draw_search
from signs_sweep.searching.study.scheduler import StudyScheduler
from signs_sweep.searching.study.storage import open_study

__all__ = ["OwnTrials", "StudyScheduler", "draw_search", "importances", "open_study"]
