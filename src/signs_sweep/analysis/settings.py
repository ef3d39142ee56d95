"""Runs grouped by setting, and the setting that each is compared with."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean
from typing import Any

from signs_sweep.domain import PARAMETERS, SEED_NAMES, Row, Seeds, are_comparable
from signs_sweep.errors import UsageError
from signs_sweep.spec.table import COMPONENTS, settled
from signs_sweep.statistics.replicates import deviation, mean

LABEL = "label"

NEVER_PAIRED = ("version", "data", "validation", "folds")
"""Values whose results are never subtracted: training version, dataset and kind of split."""

_PARTS = re.compile(r"(?:\[[^\]]*\]|\{[^}]*\}|[^\s,\[{])+")
"""Parts between commas or spaces, except for those in brackets."""

BaselineValues = Mapping[str, Any]
"""What a baseline is chosen by: values by parameter, or a label as `{"label": "m6"}`."""


def parse_baseline(text: str) -> BaselineValues:
    """Return the values in `l2=0,keep_prob=1`, or a label.

    Raises:
        UsageError: a part has no value.
    """
    if "=" not in text:
        return {LABEL: text}
    parts = [part.partition("=") for part in _PARTS.findall(text)]
    if bad := [name for name, _, value in parts if not value]:
        raise UsageError(f"--baseline {text}: '{bad[0]}' has no value; write {bad[0]}=VALUE")
    values = {name: value for name, _, value in parts}
    with suppress(ArithmeticError):  # The text is no number, and no run has it.
        return settled(values)
    return values


@dataclass(frozen=True)
class Replicates:
    """The runs of an experiment that have one setting: they differ only in their seeds.

    What counts as one result is a pair of seeds of the training, with the mean over its splits:
    runs on several splits of the same images are not independent.

    Attributes:
        key: experiment, label and values of the setting; no two groups of a table share it.
        rows: the runs, in order, at least one.
    """

    key: tuple[object, ...]
    rows: tuple[Row, ...]

    @property
    def label(self) -> str | None:
        """Its label."""
        return self.rows[0].label

    @property
    def params(self) -> Mapping[str, Any]:
        """Its values by name, as in `Row.params`; the seeds are those of the first run."""
        return self.rows[0].params

    @cached_property
    def _by_pair(self) -> Mapping[Seeds, Sequence[Row]]:
        rows: dict[Seeds, dict[Seeds, Row]] = {}
        for row in self.rows:
            rows.setdefault(row.seeds.pair, {})[row.seeds] = row
        return {seeds: [*of_splits.values()] for seeds, of_splits in rows.items()}

    @property
    def seeds(self) -> Iterable[Seeds]:
        """The pairs of seeds of its runs, in order, each once."""
        return self._by_pair.keys()

    def rows_of(self, seeds: Seeds) -> Sequence[Row]:
        """Return the runs with a pair of seeds: one for each split."""
        return self._by_pair[seeds]

    @cached_property
    def splits(self) -> Mapping[Seeds, frozenset[int]]:
        """The seeds of the splits by pair of seeds."""
        return {
            seeds: frozenset(row.seeds.split_seed for row in rows)
            for seeds, rows in self._by_pair.items()
        }

    @property
    def is_baseline(self) -> bool:
        """Whether its spec compares others with it."""
        return any(row.baseline == row.run_id for row in self.rows)

    def scores(self, metric: str) -> Mapping[Seeds, float]:
        """Return a metric by pair of seeds, as the mean over its splits.

        Pairs are left out if a run does not count: it has neither finished nor diverged, or the
        folds of a partition are incomplete.
        """
        if metric not in self._scores:
            scores: dict[Seeds, float] = {}
            for seeds, rows in self._by_pair.items():
                counted = [value for row in rows if (value := row.counted(metric)) is not None]
                folds = rows[0].folds or 1
                sizes = Counter(row.seeds.split_seed // folds for row in rows).values()
                if len(counted) == len(rows) and set(sizes) == {folds}:
                    scores[seeds] = fmean(counted)
            self._scores[metric] = scores
        return self._scores[metric]

    def paired(self, other: "Replicates", metric: str) -> Mapping[Seeds, tuple[float, float]]:
        """Return a metric of this setting and of another, by the pairs of seeds that both have.

        Pairs of seeds are left out if the settings have different splits of them.
        """
        own, theirs = self.scores(metric), other.scores(metric)
        splits, their_splits = self.splits, other.splits
        return {
            seeds: (value, theirs[seeds])
            for seeds, value in own.items()
            if seeds in theirs and splits[seeds] == their_splits[seeds]
        }

    @cached_property
    def _scores(self) -> dict[str, Mapping[Seeds, float]]:
        return {}

    @cached_property
    def failing(self) -> Mapping[Seeds, int]:
        """By pair of seeds, the number of runs that failed to learn."""
        return {
            seeds: sum(bool(row.failed_to_learn) for row in rows)
            for seeds, rows in self._by_pair.items()
        }

    def mean(self, metric: str) -> float | None:
        """Return the mean of a metric over the pairs of seeds; None without any."""
        return mean([*self.scores(metric).values()])

    def deviation(self, metric: str) -> float | None:
        """Return its standard deviation over the pairs of seeds; None for fewer than two."""
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
        return " ".join(f"{name}={value}" for name, value in values.items() if value is not None)

    def has(self, name: str, value: object) -> bool:
        """Whether a parameter has a value, given as such or as text, or its label is `value`."""
        own = self.label if name == LABEL else self.params.get(name)
        if isinstance(own, int | float):
            try:
                return float(own) == float(str(value))
            except ValueError:
                return False
        if name in COMPONENTS:
            with suppress(KeyError, ValueError):  # Not a value of it, and no run has it.
                value = PARAMETERS[name].parse(str(value))
        return _canonical(own) == _canonical(value)


def _canonical(value: object) -> str:
    """Return a text that is equal for equal values, however the spaces of a list are written."""
    text = str(value)
    if not text.startswith(("[", "(", "{")):
        return text
    return text.translate(str.maketrans("()", "[]", " '\"")).replace(",]", "]")


def settings_of(rows: Sequence[Row]) -> list[Replicates]:
    """Group runs by experiment, label and all values except seeds, in the order of the runs."""
    groups: dict[tuple[object, ...], list[Row]] = {}
    for row in rows:
        values = tuple(item for item in row.params.items() if item[0] not in SEED_NAMES)
        groups.setdefault((row.experiment, row.label, values), []).append(row)
    return [Replicates(key, tuple(group)) for key, group in groups.items()]


def declared_baselines(settings: Sequence[Replicates]) -> list[Replicates | None]:
    """Return for each setting its baseline in the spec, or None if that is not present."""
    of_run = {row.run_id: setting for setting in settings for row in setting.rows}
    return [
        next((of_run[row.baseline] for row in setting.rows if row.baseline in of_run), None)
        for setting in settings
    ]


def chosen_baselines(
    settings: Sequence[Replicates], wanted: BaselineValues
) -> list[Replicates | None]:
    """Return for each setting the baseline with certain values, which agrees in all others.

    Args:
        settings: those of an experiment.
        wanted: the values of the baseline; the others are those that a setting has itself.

    Returns:
        the baselines: the only setting with these values, if there is only one and it may be
        compared, else as `agreeing_baselines`.

    Raises:
        UsageError: no setting has these values.
    """
    candidates = _candidates(settings, wanted)
    if len(candidates) > 1:
        return agreeing_baselines(settings, wanted)
    return [candidates[0] if agree(candidates[0], setting) else None for setting in settings]


def agreeing_baselines(
    settings: Sequence[Replicates], wanted: BaselineValues
) -> list[Replicates | None]:
    """Return for each setting the setting with certain values that agrees in all others.

    It is None for a setting without such a setting.

    Raises:
        UsageError: no setting has these values.
    """
    varying = varying_values([row for setting in settings for row in setting.rows])
    same = [name for name in varying if name not in wanted]
    candidates = _candidates(settings, wanted)
    return [
        next((each for each in candidates if agree(each, setting, same)), None)
        for setting in settings
    ]


def _candidates(settings: Sequence[Replicates], wanted: BaselineValues) -> list[Replicates]:
    known = {LABEL, *(name for setting in settings for name in setting.params)}
    if unknown := [name for name in wanted if name not in known]:
        raise UsageError(f"unknown parameter '{unknown[0]}'. Known: {', '.join(sorted(known))}")
    if unfit := [name for name in wanted if name in NEVER_PAIRED]:
        raise UsageError(f"results of a different {unfit[0]} are never compared")
    varying = varying_values([row for setting in settings for row in setting.rows])
    candidates = [
        setting for setting in settings if all(setting.has(*item) for item in wanted.items())
    ]
    if not candidates:
        text = " ".join(f"{name}={value}" for name, value in wanted.items())
        names = ", ".join(setting.name(varying) for setting in settings[:8])
        more = ", ..." if len(settings) > 8 else ""
        raise UsageError(f"no setting has {text}. Settings: {names}{more}")
    return candidates


def agree(first: Replicates, second: Replicates, names: Iterable[str] = NEVER_PAIRED) -> bool:
    """Whether two settings have the same values, by default those without which none compares."""
    return all(first.params.get(name) == second.params.get(name) for name in names)


def are_judged(first: Replicates, second: Replicates, metric: str) -> bool:
    """Whether there is a verdict by a metric: not if a difference in early stopping decides it."""
    rules = (first.rows[0].early_stopping, second.rows[0].early_stopping)
    return are_comparable(*rules, metric)


def varying_values(rows: Sequence[Row]) -> tuple[str, ...]:
    """Return the names in `Row.params` whose values differ between runs, except seeds."""
    names = dict.fromkeys(name for row in rows for name in row.params if name not in SEED_NAMES)
    return tuple(name for name in names if len({row.params.get(name) for row in rows}) > 1)


def chosen_metric(rows: Sequence[Row]) -> str:
    """Return the metric that compares settings by default.

    It is `val_accuracy` if all finished runs have it, or all runs will have it if none is finished;
    otherwise `test_accuracy`.
    """
    finished = [row for row in rows if row.result and row.result.state.is_finished]
    if finished:
        is_validated = all(row.score("val_accuracy") is not None for row in finished)
    else:
        is_validated = all(row.validation for row in rows)
    return "val_accuracy" if is_validated else "test_accuracy"
