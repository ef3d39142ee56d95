"""Was it luck? The winner of a search and the default over seeds that the search has not seen."""

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
from signs_sweep.statistics.difference import Difference, paired_difference


@dataclass(frozen=True)
class Confirmation:
    """The winner and the default over fresh seeds.

    Attributes:
        winner: the winner's runs.
        default: those of the spec's `base`, with the same seeds; None where that is the winner.
    """

    winner: Trial
    default: Trial | None

    @property
    def trials(self) -> list[Trial]:
        """What is to be trained."""
        return [self.winner, *([self.default] if self.default else [])]

    @property
    def run_ids(self) -> list[str]:
        """The ids of all of its runs."""
        return [run_id for trial in self.trials for run_id in trial.run_ids]

    def values(self, trial: Trial, metric: str, results: Mapping[str, Result]) -> list[float]:
        """Return a metric of every run of a trial that is finished, in the order of the seeds."""
        found = [results[run_id] for run_id in trial.run_ids if run_id in results]
        return list(TrialEnd.of(trial, found, metric).values.values())

    def difference(self, metric: str, results: Mapping[str, Result]) -> Difference | None:
        """Return by how much the winner exceeds the default; None where runs are missing."""
        if self.default is None:
            return None
        ours = self.values(self.winner, metric, results)
        theirs = self.values(self.default, metric, results)
        if not len(ours) == len(theirs) == len(self.winner.runs):
            return None
        return paired_difference(ours, theirs)


def setting_at(experiment: Experiment, values: Mapping[str, Any], data: str) -> Setting:
    """Return the setting that values lead to, on top of the spec's `base` and `--set`.

    Args:
        experiment: the experiment.
        values: by parameter; `hidden` is that of the network.
        data: fingerprint of the data.
    """
    parameters = {name: value for name, value in values.items() if name != "hidden"}
    model = Dense(values["hidden"]) if "hidden" in values else experiment.model
    forced = replace(experiment.base, **(parameters | dict(experiment.forced)))
    return Setting(forced, model, experiment.validation, data)


def search_trial(
    experiment: Experiment, number: int, setting: Setting, choices: Mapping[str, Any]
) -> Trial:
    """Return a trial of a search.

    Args:
        experiment: the experiment.
        number: its number in the study.
        setting: what it trains, over the spec's seeds.
        choices: what was chosen, by dimension.
    """
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
    """Return the seeds of replicates that are not those of the search, nor any smaller ones."""
    first = 1 + max(map(max, experiment.seeds))
    numbers = range(first, first + count)
    return [Seeds(**dict.fromkeys(SEED_NAMES, number)) for number in numbers]


def confirmation(experiment: Experiment, winner: Trial, seeds: Sequence[Seeds]) -> Confirmation:
    """Return what to train to confirm a winner.

    Args:
        experiment: the experiment.
        winner: the best trial.
        seeds: fresh ones.
    """
    setting = winner.setting
    default = setting_at(experiment, {}, setting.data)
    return Confirmation(
        _confirming(experiment, f"confirmation of {winner.title}", setting, seeds),
        None
        if default == setting
        else _confirming(experiment, "confirmation of the default", default, seeds),
    )


def _confirming(
    experiment: Experiment, title: str, setting: Setting, seeds: Sequence[Seeds]
) -> Trial:
    parameters = setting.parameters
    choices = {name: parameters.text(name) for name in VARIED_NAMES}
    return Trial(
        key=f"{Purpose.CONFIRMATION.value}/{setting.key}",
        experiment=experiment.name,
        purpose=Purpose.CONFIRMATION,
        number=0,
        title=title,
        runs=replicates(setting, seeds),
        label=title,
        choices=choices | setting.model.values,
    )
