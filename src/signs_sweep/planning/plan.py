"""The plan: what one or more experiments would train, in order, each run once."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from signs_sweep.domain import Purpose, Run, Trial, as_text
from signs_sweep.domain.formats import count
from signs_sweep.domain.notebook import paragraphs, table
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

    @property
    def amount(self) -> str:
        """How many runs it has, at most if that depends on results."""
        return ("at most " if self.experiment.growth else "") + count(len(self.runs), "run")

    @cached_property
    def varying(self) -> tuple[str, ...]:
        """Names of the parameters that differ between the trials, in the order of the table."""
        return _varying([trial.runs[0].varied for trial in self.trials])


@dataclass(frozen=True)
class Plan:
    """The runs of some experiments, in order. Runs that several share are included once."""

    parts: tuple[Part, ...]

    @cached_property
    def runs(self) -> dict[str, Run]:
        """By run_id, every run once, in order."""
        return {run.run_id: run for part in self.parts for _, run in part.runs}

    def __repr__(self) -> str:
        names = ", ".join(part.experiment.name for part in self.parts)
        return f"<Plan of {names}: {len(self.runs)} runs>"

    def _repr_html_(self) -> str:
        html = ""
        for part in self.parts:
            trials = count(len(part.trials), "trial")
            columns = {
                "setting": [trial.title for trial in part.trials],
                "seeds": [f"{trial.seeds:,}" for trial in part.trials],
                "epochs": [f"{trial.epochs:,}" for trial in part.trials],
                "": ["baseline" if trial.is_baseline else "" for trial in part.trials],
            }
            html += paragraphs([f"{part.experiment.name}: {part.amount} in {trials}"])
            html += table(columns)
        return html

    def title(self, run_id: str) -> str:
        """Return a title that is unique in the plan; with several experiments, with its name."""
        trial, run = next(
            pair for part in self.parts for pair in part.runs if pair[1].run_id == run_id
        )
        prefix = f"{trial.experiment}: " if len(self.parts) > 1 else ""
        return prefix + trial.title_of(run)

    @property
    def trials(self) -> list[Trial]:
        """The trials of all experiments, in order."""
        return [trial for part in self.parts for trial in part.trials]


def make_plan(experiments: Sequence[tuple[Experiment, str]]) -> Plan:
    """Expand experiments into a plan.

    Args:
        experiments: each with the fingerprint of its data.

    Raises:
        UsageError: two of them have the same name.
    """
    by_name: dict[str, Experiment] = {}
    for experiment, _ in experiments:
        first = by_name.setdefault(experiment.name, experiment)
        if first is not experiment:
            raise UsageError(
                f"{first.path} and {experiment.path} both have the name '{experiment.name}'. "
                "Rename one of them, or run them one after the other."
            )
    return Plan(tuple(_expand(experiment, data) for experiment, data in experiments))


def _varying(points: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return the names of the values that differ: those of the table, then of the network."""
    names = dict.fromkeys(name for values in points for name in values)
    return tuple(
        name for name in names if len({as_text(values.get(name)) for values in points}) > 1
    )


def _expand(experiment: Experiment, data: str) -> Part:
    settings = {point: experiment.setting(point, data) for point in experiment.points}
    runs = {point: experiment.replicates(setting) for point, setting in settings.items()}
    varied = {point: setting.varied for point, setting in settings.items()}
    varying = _varying([*varied.values()])
    usual = experiment.setting(experiment.point({}), data).varied
    named = Counter(point.label for point in experiment.points if point.label)
    trials = []
    for number, point in enumerate(experiment.points, start=1):
        own = runs[point]
        values = [
            f"{name}={as_text(value)}"
            for name, value in varied[point].items()
            if name in varying and not (named[point.label or ""] == 1 and value == usual.get(name))
        ]
        trials.append(
            Trial(
                key=f"{Purpose.SWEEP.value}/{own[0].setting.key}",
                experiment=experiment.name,
                purpose=Purpose.SWEEP,
                number=number,
                title=" ".join([point.label, *values] if point.label else values),
                runs=own,
                label=point.label,
                baselines=tuple(run.run_id for run in runs[point.baseline])
                if point.baseline
                else (),
            )
        )
    return Part(experiment, tuple(trials))
