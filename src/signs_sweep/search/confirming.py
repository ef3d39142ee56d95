"""Was it luck? The winner of a search and the default over seeds that the search has not seen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from signs_sweep.domain import SEED_NAMES, Dense, Model, Parameters, Result, Run, Seeds, Trial
from signs_sweep.planning.plan import replicates
from signs_sweep.spec import Experiment
from signs_sweep.statistics.difference import Difference, paired_difference

_WINNER, _DEFAULT = -1, -2
"""Numbers of their trials: those of the study begin at 0."""


@dataclass(frozen=True)
class Candidate:
    """A point that can be trained.

    Attributes:
        name: what it is called.
        parameters: hyperparameters, with the seeds of `base`.
        model: the network.
    """

    name: str
    parameters: Parameters
    model: Model


@dataclass(frozen=True)
class Confirmation:
    """The winner and the default over fresh seeds.

    Attributes:
        winner: the winner's runs.
        default: those of the spec's `base`, with the same seeds; empty where that is the winner.
    """

    winner: Trial
    default: Trial | None

    @property
    def trials(self) -> list[Trial]:
        """What is to be trained."""
        return [self.winner, *([self.default] if self.default else [])]

    @property
    def run_ids(self) -> list[str]:
        """Its runs."""
        return [run.run_id for trial in self.trials for run in trial.runs]

    def values(self, trial: Trial, metric: str, results: Mapping[str, Result]) -> list[float]:
        """Return a metric of every run of a trial that is finished, in the order of the seeds."""
        return list(self.values_by_run(trial, metric, results).values())

    def values_by_run(
        self, trial: Trial, metric: str, results: Mapping[str, Result]
    ) -> dict[str, float]:
        """Return the same by run_id."""
        found = [results[run.run_id] for run in trial.runs if run.run_id in results]
        return {
            one.run_id: one.metrics[metric]
            for one in found
            if one.state.is_finished and metric in one.metrics
        }

    def difference(self, metric: str, results: Mapping[str, Result]) -> Difference | None:
        """Return by how much the winner exceeds the default; None where runs are missing."""
        if self.default is None:
            return None
        ours = self.values(self.winner, metric, results)
        theirs = self.values(self.default, metric, results)
        if not len(ours) == len(theirs) == len(self.winner.runs):
            return None
        return paired_difference(ours, theirs)


def candidate(experiment: Experiment, name: str, values: Mapping[str, Any]) -> Candidate:
    """Return the point that values lead to, on top of the spec's `base` and `--set`.

    Args:
        experiment: the experiment.
        name: what to call it.
        values: by parameter; `hidden` is that of the network.
    """
    forced = {key: one for key, one in experiment.forced.items() if key not in SEED_NAMES}
    parameters = {key: one for key, one in values.items() if key != "hidden"}
    model = Dense(values["hidden"]) if "hidden" in values else experiment.model
    return Candidate(name, replace(experiment.base, **(parameters | forced)), model)


def runs_at(experiment: Experiment, point: Candidate, data: str) -> tuple[Run, ...]:
    """Return the runs of a point in a search: one for each replicate.

    Args:
        experiment: the experiment.
        point: the point.
        data: fingerprint of the data.
    """
    return replicates(experiment, point.parameters, data, model=point.model)


def fresh_seeds(experiment: Experiment, count: int) -> list[Seeds]:
    """Return the seeds of replicates that are not those of the search, nor any smaller ones."""
    first = 1 + max(map(max, experiment.seeds))
    numbers = range(first, first + count)
    return [Seeds(**dict.fromkeys(SEED_NAMES, number)) for number in numbers]


def confirmation(
    experiment: Experiment, winner: Candidate, seeds: Sequence[Seeds], data: str
) -> Confirmation:
    """Return what to train to confirm a winner.

    Args:
        experiment: the experiment.
        winner: the best trial's point.
        seeds: fresh ones.
        data: fingerprint of the data.
    """

    def runs(one: Candidate) -> tuple[Run, ...]:
        return replicates(experiment, one.parameters, data, model=one.model, seeds=seeds)

    default = candidate(experiment, "default", {})
    is_default = (default.parameters, default.model) == (winner.parameters, winner.model)
    return Confirmation(
        winner=Trial(_WINNER, f"{winner.name}, fresh seeds", runs(winner)),
        default=None if is_default else Trial(_DEFAULT, "default, fresh seeds", runs(default)),
    )
