"""The plan: what one or more experiments would train, in order, each run once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from signs_sweep.domain import VARIED_NAMES, Model, Parameters, Run, Seeds, Trial
from signs_sweep.errors import UsageError
from signs_sweep.spec import Experiment


@dataclass(frozen=True)
class Part:
    """One experiment's share of a plan.

    Attributes:
        experiment: the experiment.
        trials: its trials in the order written.
    """

    experiment: Experiment
    trials: tuple[Trial, ...]

    @cached_property
    def runs(self) -> tuple[tuple[Trial, Run], ...]:
        """Every run with its trial, in order."""
        return tuple((trial, run) for trial in self.trials for run in trial.runs)

    @cached_property
    def varying(self) -> tuple[str, ...]:
        """Names of the parameters that differ between the trials, in their usual order."""
        return varying_parameters([trial.runs[0].parameters for trial in self.trials])

    def title(self, trial: Trial, run: Run) -> str:
        """What tells a run from the others, as in `m6 keep_prob=0.8 seeds 3, 0`.

        Seeds are named where a trial has several, or where nothing else differs.
        """
        words = [trial.label] if trial.label else []
        words += [f"{name}={run.parameters.text(name)}" for name in self.varying]
        if len(trial.runs) > 1 or not words:
            words.append(f"seeds {run.parameters.seeds}")
        return " ".join(words)


@dataclass(frozen=True)
class Plan:
    """The runs of some experiments, in order. A run that several share is there once."""

    parts: tuple[Part, ...]

    @cached_property
    def runs(self) -> dict[str, Run]:
        """By run_id, every run once, in order."""
        return {run.run_id: run for part in self.parts for _, run in part.runs}

    def __repr__(self) -> str:
        names = ", ".join(part.experiment.name for part in self.parts)
        return f"<Plan of {names}: {len(self.runs)} runs>"

    def trials(self) -> Iterator[tuple[Part, Trial]]:
        """Yield every trial with its part, in order."""
        for part in self.parts:
            for trial in part.trials:
                yield part, trial


def make_plan(experiments: Sequence[tuple[Experiment, str]]) -> Plan:
    """Expand experiments into a plan.

    Args:
        experiments: each with the fingerprint of its data.

    Raises:
        UsageError: two of them have the same name.
    """
    by_name: dict[str, Experiment] = {}
    for experiment, _ in experiments:
        other = by_name.setdefault(experiment.name, experiment)
        if other is not experiment:
            raise UsageError(
                f"{other.path} and {experiment.path} both have the name '{experiment.name}'. "
                "Give one of them another name, or run them one after the other."
            )
    return Plan(tuple(_expand(experiment, data) for experiment, data in experiments))


def varying_parameters(parameters: Sequence[Parameters]) -> tuple[str, ...]:
    """Return the names of the parameters that differ, in their usual order, seeds left out."""
    return tuple(name for name in VARIED_NAMES if len({getattr(p, name) for p in parameters}) > 1)


def _expand(experiment: Experiment, data: str) -> Part:
    runs = {
        point.parameters: replicates(experiment, point.parameters, data)
        for point in experiment.points
    }
    ids = {
        baseline: tuple(run.run_id for run in runs[baseline])
        for baseline in {point.baseline for point in experiment.points if point.baseline}
    }
    trials = [
        Trial(
            number,
            point.label,
            runs[point.parameters],
            ids[point.baseline] if point.baseline else (),
        )
        for number, point in enumerate(experiment.points, start=1)
    ]
    return Part(experiment, tuple(trials))


def replicates(
    experiment: Experiment,
    parameters: Parameters,
    data: str,
    *,
    model: Model | None = None,
    seeds: Sequence[Seeds] | None = None,
) -> tuple[Run, ...]:
    """Return the runs of a point, one for each replicate.

    Args:
        experiment: the experiment.
        parameters: the point.
        data: fingerprint of the data.
        model: the network, where it is not that of the experiment.
        seeds: of each replicate, where they are not those of the experiment.
    """
    return tuple(
        Run(
            parameters=parameters.with_seeds(own),
            model=model or experiment.model,
            validation=experiment.validation,
            data=data,
        )
        for own in (experiment.seeds if seeds is None else seeds)
    )
