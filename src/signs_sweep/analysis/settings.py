"""Runs grouped by setting: means over seeds, and differences to the baseline."""

from collections.abc import Sequence
from dataclasses import dataclass

from signs_sweep.domain import SEED_NAMES, Row, Seeds
from signs_sweep.statistics.replicates import Difference, deviation, mean, paired_difference


@dataclass(frozen=True)
class Replicates:
    """The runs of an experiment that have one setting: they differ only in their seeds.

    Attributes:
        key: experiment, label and values of the setting; no two groups of a table share it.
        rows: the runs, in order, at least one.
    """

    key: tuple[object, ...]
    rows: tuple[Row, ...]

    @property
    def is_baseline(self) -> bool:
        """Whether others are compared with it."""
        return any(row.baseline == row.run_id for row in self.rows)

    def scores(self, metric: str) -> dict[Seeds, float]:
        """Return a metric by seeds, for the runs that are finished and have it."""
        scores = {row.seeds: row.score(metric) for row in self.rows}
        return {seeds: score for seeds, score in scores.items() if score is not None}

    def mean(self, metric: str) -> float | None:
        """Return the mean of a metric over the seeds; None if no run has it."""
        return mean([*self.scores(metric).values()])

    def deviation(self, metric: str) -> float | None:
        """Return the standard deviation of a metric over the seeds; None for fewer than two."""
        return deviation([*self.scores(metric).values()])

    def name(self, varying: Sequence[str]) -> str:
        """Return what distinguishes it from others: its label, else the values that vary."""
        row = self.rows[0]
        if row.label:
            return row.label
        parameters = row.parameters
        values = {
            name: parameters.text(name) if hasattr(parameters, name) else row.params.get(name)
            for name in varying
        }
        return " ".join(f"{name}={value}" for name, value in values.items())


def settings_of(rows: Sequence[Row]) -> list[Replicates]:
    """Group runs by experiment, label and all values except seeds, in the order of the runs."""
    groups: dict[tuple[object, ...], list[Row]] = {}
    for row in rows:
        values = tuple(item for item in row.params.items() if item[0] not in SEED_NAMES)
        groups.setdefault((row.experiment, row.label, values), []).append(row)
    return [Replicates(key, tuple(group)) for key, group in groups.items()]


def baselines_of(settings: Sequence[Replicates]) -> list[Replicates | None]:
    """Return for each setting the setting that it is compared with, or None if not present."""
    of_run = {row.run_id: setting for setting in settings for row in setting.rows}
    return [
        next((of_run[row.baseline] for row in setting.rows if row.baseline in of_run), None)
        for setting in settings
    ]


def replicated(rows: Sequence[Row]) -> list[Row]:
    """Return the runs of settings with several seeds and of the baselines of those settings."""
    settings = settings_of(rows)
    pairs = list(zip(settings, baselines_of(settings), strict=True))
    wanted = {group.key for pair in pairs if len(pair[0].rows) > 1 for group in pair if group}
    return [row for setting in settings if setting.key in wanted for row in setting.rows]


def difference(setting: Replicates, other: Replicates, metric: str) -> Difference | float | None:
    """Return by how much a setting exceeds another in a metric, over the seeds that both have.

    A single shared pair of seeds gives a number without an interval, none gives None.
    """
    scores, references = setting.scores(metric), other.scores(metric)
    shared = [seeds for seeds in scores if seeds in references]
    if len(shared) < 2:
        return scores[shared[0]] - references[shared[0]] if shared else None
    return paired_difference([scores[each] for each in shared], [references[s] for s in shared])


def varying_values(rows: Sequence[Row]) -> tuple[str, ...]:
    """Return the names in `Row.params` whose values differ between runs, except seeds."""
    names = dict.fromkeys(name for row in rows for name in row.params if name not in SEED_NAMES)
    return tuple(name for name in names if len({row.params.get(name) for row in rows}) > 1)


def chosen_metric(rows: Sequence[Row]) -> str:
    """Return the metric that compares settings: `val_accuracy` if all finished runs have it."""
    finished = [row for row in rows if row.result and row.result.state.is_finished]
    is_validated = bool(finished) and all(row.score("val_accuracy") is not None for row in finished)
    return "val_accuracy" if is_validated else "test_accuracy"
