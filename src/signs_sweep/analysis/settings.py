"""Runs grouped by setting: means over seeds, and differences to the baseline."""

from collections.abc import Sequence
from dataclasses import dataclass

from signs_sweep.domain import SEED_NAMES, Row, Seeds
from signs_sweep.statistics.difference import Difference, paired_difference
from signs_sweep.statistics.replicates import deviation, mean


@dataclass(frozen=True)
class Setting:
    """The runs of an experiment that differ in their seeds alone.

    Attributes:
        rows: the runs, in order, at least one.
    """

    rows: tuple[Row, ...]

    @property
    def is_baseline(self) -> bool:
        """Whether others are compared with it."""
        return any(row.baseline == row.run_id for row in self.rows)

    def scores(self, metric: str) -> dict[Seeds, float]:
        """Return a metric by seeds, of the runs that are finished and have it."""
        found = {row.seeds: row.score(metric) for row in self.rows}
        return {seeds: score for seeds, score in found.items() if score is not None}

    def mean(self, metric: str) -> float | None:
        """Return the mean of a metric over the seeds; None if no run has it."""
        return mean([*self.scores(metric).values()])

    def deviation(self, metric: str) -> float | None:
        """Return the standard deviation of a metric over at least two seeds."""
        return deviation([*self.scores(metric).values()])

    def name(self, varying: Sequence[str]) -> str:
        """Return what tells it from others: its label or else the values that vary."""
        row = self.rows[0]
        if row.label:
            return row.label
        parameters = row.parameters
        values = {
            name: parameters.text(name) if hasattr(parameters, name) else row.params.get(name)
            for name in varying
        }
        return " ".join(f"{name}={value}" for name, value in values.items())


def settings_of(rows: Sequence[Row]) -> list[Setting]:
    """Group runs by experiment, label and all values but the seeds, in the order of the runs."""
    groups: dict[object, list[Row]] = {}
    for row in rows:
        values = tuple(item for item in row.params.items() if item[0] not in SEED_NAMES)
        groups.setdefault((row.experiment, row.label, values), []).append(row)
    return [Setting(tuple(group)) for group in groups.values()]


def baselines_of(settings: Sequence[Setting]) -> list[Setting | None]:
    """Return for each setting the one that it is compared with, if that is among them."""
    of_run = {row.run_id: setting for setting in settings for row in setting.rows}
    return [
        next((of_run[row.baseline] for row in one.rows if row.baseline in of_run), None)
        for one in settings
    ]


def replicated(rows: Sequence[Row]) -> list[Row]:
    """Return the runs of settings with several seeds, and of what those are compared with."""
    settings = settings_of(rows)
    pairs = list(zip(settings, baselines_of(settings), strict=True))
    wanted = {id(one) for pair in pairs if len(pair[0].rows) > 1 for one in pair}
    return [row for one in settings if id(one) in wanted for row in one.rows]


def difference(one: Setting, other: Setting, metric: str) -> Difference | float | None:
    """Return by how much a setting exceeds another in a metric, over the seeds that both have.

    With a single pair of runs it is a number without an interval, without any it is None.
    """
    ours, theirs = one.scores(metric), other.scores(metric)
    shared = [seeds for seeds in ours if seeds in theirs]
    if len(shared) < 2:
        return ours[shared[0]] - theirs[shared[0]] if shared else None
    return paired_difference([ours[seeds] for seeds in shared], [theirs[one] for one in shared])


def varying_values(rows: Sequence[Row]) -> tuple[str, ...]:
    """Return the names of what differs between runs in `Row.params`, seeds left out."""
    names = dict.fromkeys(name for row in rows for name in row.params if name not in SEED_NAMES)
    return tuple(name for name in names if len({row.params.get(name) for row in rows}) > 1)


def chosen_metric(rows: Sequence[Row]) -> str:
    """Return what settings are compared by: held-out samples where all runs have them."""
    finished = [row for row in rows if row.result and row.result.state.is_finished]
    is_validated = bool(finished) and all(row.score("val_accuracy") is not None for row in finished)
    return "val_accuracy" if is_validated else "test_accuracy"
