"""Confirmation: the winner of a search and the default, over seeds that the search did not use."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from signs_sweep.domain import (
    SEED_NAMES,
    VARIED_NAMES,
    Dense,
    Purpose,
    Result,
    Seeds,
    Setting,
    Trial,
    TrialEnd,
)
from signs_sweep.planning.plan import replicates
from signs_sweep.spec import Experiment
from signs_sweep.statistics.replicates import Difference, paired_difference


@dataclass(frozen=True)
class Confirmation:
    """The winner and the default over fresh seeds.

    Attributes:
        winner: the winner.
        default: the spec's `base`, with the same seeds; None if the winner is the default.
    """

    winner: Trial
    default: Trial | None

    @property
    def trials(self) -> list[Trial]:
        """The trials to train."""
        return [self.winner, *([self.default] if self.default else [])]

    @property
    def run_ids(self) -> list[str]:
        """The ids of the runs of both trials."""
        return [run_id for trial in self.trials for run_id in trial.run_ids]

    def values(self, trial: Trial, metric: str, results: Mapping[str, Result]) -> list[float]:
        """Return a metric of the finished runs of a trial, in the order of the seeds."""
        available = [results[run_id] for run_id in trial.run_ids if run_id in results]
        return list(TrialEnd.of(trial, available, metric).values.values())

    def difference(self, metric: str, results: Mapping[str, Result]) -> Difference | None:
        """Return by how much the winner exceeds the default; None if runs are missing."""
        if self.default is None:
            return None
        winner = self.values(self.winner, metric, results)
        default = self.values(self.default, metric, results)
        if not len(winner) == len(default) == len(self.winner.runs):
            return None
        return paired_difference(winner, default)


def setting_at(experiment: Experiment, values: Mapping[str, Any], data: str) -> Setting:
    """Return the setting at a point: the point's values over `base`, and overrides over both.

    Values are by parameter; `hidden` holds the layers of the network.
    """
    parameters = {name: value for name, value in values.items() if name != "hidden"}
    model = Dense(values["hidden"]) if "hidden" in values else experiment.model
    forced = replace(experiment.base, **(parameters | dict(experiment.forced)))
    return Setting(forced, model, experiment.validation, data)


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
        runs=replicates(setting, experiment.seeds),
        label=f"trial {number}",
        choices=choices,
    )


def fresh_seeds(experiment: Experiment, count: int) -> list[Seeds]:
    """Return seeds for new replicates, all larger than the seeds of the search."""
    first = 1 + max(map(max, experiment.seeds))
    numbers = range(first, first + count)
    return [Seeds(**dict.fromkeys(SEED_NAMES, number)) for number in numbers]


def confirmation(experiment: Experiment, winner: Trial, seeds: Sequence[Seeds]) -> Confirmation:
    """Return the trials that confirm a winner, the best trial, with fresh seeds."""
    setting = winner.setting
    default = setting_at(experiment, {}, setting.data)
    return Confirmation(
        _confirming(experiment, winner.title, winner.title, setting, seeds),
        None
        if default == setting
        else _confirming(experiment, "default", "the default", default, seeds),
    )


def _confirming(
    experiment: Experiment, name: str, phrase: str, setting: Setting, seeds: Sequence[Seeds]
) -> Trial:
    parameters = setting.parameters
    choices = {name: parameters.text(name) for name in VARIED_NAMES}
    return Trial(
        key=f"{Purpose.CONFIRMATION.value}/{setting.key}",
        experiment=experiment.name,
        purpose=Purpose.CONFIRMATION,
        number=0,
        title=f"confirmation of {phrase}",
        runs=replicates(setting, seeds),
        label=f"{name}, fresh seeds",
        choices=choices | setting.model.values,
    )
