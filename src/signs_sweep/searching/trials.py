"""From the points of a search to settings and trials, and the seeds that it does not use."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from signs_sweep.domain import (
    Dense,
    Purpose,
    Seeds,
    Setting,
    Trial,
)
from signs_sweep.spec import Experiment


def setting_at(experiment: Experiment, values: Mapping[str, Any], data: str) -> Setting:
    """Return the setting at a point: the point's values over `base`, and overrides over both.

    Values are by parameter; `hidden` holds the layers of the network.
    """
    parameters = {name: value for name, value in values.items() if name != "hidden"}
    model = Dense(values["hidden"]) if "hidden" in values else experiment.model
    forced = replace(experiment.base, **(parameters | dict(experiment.forced)))
    return experiment.setting(forced, data, model)


def search_trial(
    experiment: Experiment, number: int, setting: Setting, choices: Mapping[str, Any]
) -> Trial:
    """Return a trial of a search, given its number in the study and its choices by dimension."""
    return Trial(
        key=f"{Purpose.SEARCH.value}/{number}",
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
