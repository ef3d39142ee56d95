"""From the points of a search to settings and trials, and the seeds that it does not use."""

from collections.abc import Mapping
from typing import Any

from signs_sweep.domain import (
    Purpose,
    Seeds,
    Setting,
    Trial,
    search_key,
)
from signs_sweep.spec import Experiment


def search_trial(
    experiment: Experiment, number: int, setting: Setting, choices: Mapping[str, Any]
) -> Trial:
    """Return a trial of a search, given its number in the study and its choices by dimension."""
    return Trial(
        key=search_key(number),
        experiment=experiment.name,
        purpose=Purpose.SEARCH,
        number=number,
        title=f"trial {number}",
        runs=experiment.replicates(setting),
        label=f"trial {number}",
        choices=choices,
        is_sequential=experiment.search.replicates is not None,
    )


def fresh_seeds(experiment: Experiment, count: int) -> list[Seeds]:
    """Return seeds for new replicates, all larger than the seeds of the search.

    Seeds that overrides set stay as they are.
    """
    names, like = experiment.counted_names, experiment.seeds[0]
    first = 1 + max(getattr(seeds, name) for seeds in experiment.seeds for name in names)
    forced = {name: value for name, value in experiment.forced.items() if name in names}
    return [
        like._replace(**(dict.fromkeys(names, number) | forced))
        for number in range(first, first + count)
    ]
