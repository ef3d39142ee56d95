"""An experiment: a spec that has been checked."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

from signs_sweep.domain import (
    NETWORK,
    OF_ARGUMENTS,
    PAIR_NAMES,
    PARAMETERS,
    SEED_NAMES,
    Dense,
    Growth,
    Model,
    Parameters,
    Run,
    Seeds,
    Setting,
    Validation,
    VerdictRule,
    as_text,
    is_argument,
)
from signs_sweep.errors import SpecError, UsageError
from signs_sweep.spec import document as documents
from signs_sweep.spec.baseline import Factor
from signs_sweep.spec.names import shorten
from signs_sweep.spec.problems import Place, Problems
from signs_sweep.spec.search import Search
from signs_sweep.spec.search_fit import note_unfit
from signs_sweep.spec.table import DROPOUT, TABLE, settled


@dataclass(frozen=True, slots=True)
class Point:
    """One point of the space that a spec varies. Points with the same values are equal.

    Attributes:
        parameters: hyperparameters, with the seeds of `base`.
        model: the network.
        label: its label in `cases`, or None.
        baseline: the point to compare with, which for a baseline point equals the point itself;
            None without a baseline.
    """

    parameters: Parameters
    model: Model
    label: str | None = field(default=None, compare=False)
    baseline: "Point | None" = field(default=None, compare=False)

    @property
    def is_baseline(self) -> bool:
        """Whether other points are compared with this point."""
        return self == self.baseline


@dataclass(frozen=True, eq=False)
class Experiment:
    """A spec that has been checked.

    Attributes:
        name: name, also in MLflow.
        description: what it is for, or an empty string.
        data: name of a dataset, a folder, or the paths of `train` and `test`.
        validation: share of the training set that is held out from each run, in [0, 1), or `given`.
        folds: number of folds of a cross-validation, or 0 without one.
        repeats: number of its partitions, or 0 without one.
        model: the network that every run starts from; if a function builds it, without the
            fingerprint of its source.
        base: the hyperparameters that every run starts from.
        factors: the factors that are combined by product, in the order written.
        seeds: the seeds in order, without duplicates; with folds, each is used with every split.
        growth: how many of them each setting gets if that depends on the results; None if all.
        verdict: how settings are compared.
        has_baseline: whether the spec declares a baseline.
        search: the `search` section, with defaults; it does not affect runs.
        overrides: the overrides, as `KEY=VALUE`.
        forced: the overrides as values by parameter.
        path: the spec file.
        text: its content.
        document: its content with the place of each value.
    """

    name: str
    description: str
    data: str | Mapping[str, str]
    validation: Validation
    folds: int
    repeats: int
    model: Model
    base: Parameters
    factors: tuple[Factor, ...]
    seeds: tuple[Seeds, ...]
    growth: Growth | None
    verdict: VerdictRule
    has_baseline: bool
    search: Search
    overrides: tuple[str, ...]
    forced: Mapping[str, Any]
    path: Path
    text: str
    document: documents.Mapping

    def __repr__(self) -> str:
        return f"<Experiment {self.name} of {self.path}>"

    @property
    def has_search(self) -> bool:
        """Whether the spec has a `search` section."""
        return "search" in self.document.keys

    @property
    def splits(self) -> int:
        """The number of splits that each of its seeds is used with."""
        return max(self.folds * self.repeats, 1)

    @property
    def counted_names(self) -> tuple[str, ...]:
        """The seeds that have the same value, a number, in the replicates beyond its own."""
        count = len(self.seeds)
        has_own_splits = 1 < count == len({each.split_seed for each in self.seeds})
        has_own_pairs = count == len({each.pair for each in self.seeds})
        return SEED_NAMES if has_own_splits and has_own_pairs else PAIR_NAMES

    @cached_property
    def _base(self) -> dict[str, Any]:
        return self.base.values

    def point(
        self, values: Mapping[str, Any], label: str | None = None, baseline: Point | None = None
    ) -> Point:
        """Return the point with some values by parameter over `base`, and overrides over both."""
        parameters, model = {**self._base, **values, **self.forced}, self.model
        if DROPOUT.name in parameters:  # Written instead of keep_prob, which `base` always has.
            parameters = settled(parameters)
        if len(parameters) > len(PARAMETERS):
            network = parameters.keys() - PARAMETERS.keys()
            model = model.with_values({name: parameters.pop(name) for name in network})
        return Point(Parameters(**parameters), model, label, baseline)

    def setting(self, point: Point, data: str) -> Setting:
        """Return the setting at a point, on data with this fingerprint."""
        return Setting(point.parameters, point.model, self.validation, data, folds=self.folds)

    def arguments(self, *, of_all: bool) -> set[str]:
        """Return the names of a function's arguments, as in `model.filters`.

        They are those that every point sets, or without `of_all` that any point or a search sets.
        """
        names = {*self.model.varied, *self.forced}
        for factor in self.factors:
            own = [{*alternative.values} for alternative in factor]
            names |= set.intersection(*own) if of_all else set.union(*own)
        searched = {name for dimension in self.search.space for name in dimension.names}
        return {*filter(is_argument, names if of_all else names | searched)}

    def replicates(self, setting: Setting, seeds: Sequence[Seeds] | None = None) -> tuple[Run, ...]:
        """Return the runs of a setting: those of each of some seeds, by default its own, in order.

        With folds, seeds are used with every split.
        """
        return tuple(
            setting.run(each._replace(split_seed=split) if self.folds else each)
            for each in (self.seeds if seeds is None else seeds)
            for split in range(self.splits)
        )

    def with_seeds(self, count: int) -> "Experiment":
        """Return the experiment with a number of seeds: its own, in order, then further ones.

        Further pairs are (0, 0), (1, 1), and so on, with the seeds that overrides set. If all of
        its own have different splits, the further ones have as well.

        Raises:
            UsageError: overrides set both seeds, so that there are no further pairs.
        """
        fixed = {name: value for name, value in self.forced.items() if name in SEED_NAMES}
        if fixed.keys() >= set(PAIR_NAMES) and count > 1:
            raise UsageError(f"--seeds {count}: --set sets both seeds, so there is only one pair")
        seeds = dict.fromkeys(self.seeds[:count])
        numbers = iter(range(2 * count))
        pairs = {each.pair for each in seeds}
        while len(seeds) < count:
            further = dict.fromkeys(self.counted_names, next(numbers)) | fixed
            new = self.base.seeds._replace(**further)
            if new.pair not in pairs:
                seeds[new] = None
                pairs.add(new.pair)
        growth = self.growth and Growth(min(self.growth.at_least, count), count)
        return replace(self, seeds=tuple(seeds), growth=growth)

    @property
    def point_count(self) -> int:
        """The number of points as written; overrides may make some of them equal."""
        return prod(len(factor) for factor in self.factors)

    @cached_property
    def points(self) -> tuple[Point, ...]:
        """All points: the product of the factors, the first of them varying slowest.

        Overrides apply to every point, even if a factor varies the parameter. Points that become
        equal are merged, with the labels of all.
        """
        if not self.forced:
            return tuple(self._written())
        equal: dict[Point, list[Point]] = {}
        for point in self._written():
            equal.setdefault(point, []).append(point)
        return tuple(
            replace(first, label=", ".join(each.label for each in points if each.label) or None)
            for first, points in equal.items()
        )

    def _written(self) -> Iterator[Point]:
        """Yield a point for each combination.

        A point and its baseline differ only in the factors that the baseline restricts.
        """
        firsts = [next((part for part in each if part.is_baseline), None) for each in self.factors]
        baselines: dict[object, Point] = {}
        for combination in product(*self.factors):
            values: dict[str, Any] = {}
            of_baseline: dict[str, Any] = {}
            label = None
            for part, first in zip(combination, firsts, strict=True):
                values.update(part.values)
                nearest = part if part.is_baseline or first is None else first
                of_baseline.update(nearest.values)
                label = part.label or label
            baseline = None
            if self.has_baseline:  # Few points are the baseline of all others.
                key = tuple(of_baseline.items())
                baseline = baselines.get(key) or self.point(of_baseline)
                baselines[key] = baseline
            yield self.point(values, label, baseline)

    def problem(self, *keys: str | int, message: str) -> SpecError:
        """Return an error that points at the value at a path of keys and indices.

        If the spec does not contain the value, the error points at the enclosing value.
        """
        problems = Problems(self.path, self.text)
        return problems.error_with(documents.find(self.document, keys).place, message)

    def refuse_arguments(self, wrong: Mapping[str, tuple[str, str]]) -> None:
        """Raise an error that points at keys of `model`, wherever they are, if any are wrong.

        What is wrong, and what to do, is by key.

        Raises:
            SpecError: a key is wrong.
            UsageError: an override sets it.
        """
        problems = Problems(self.path, self.text)
        node = self.document.mapping("model")
        assert node is not None
        for key, (message, hint) in wrong.items():
            name = OF_ARGUMENTS + key
            if name in self.forced:
                value = shorten(as_text(self.forced[name]))
                raise UsageError(f"--set {name}={value}: {message}; {hint}")
            if key in node.keys:
                problems.add(node.keys[key], message, hint)
            for _, section in documents.sections_of_values(self.document):
                if name in section.keys:
                    problems.add(section.keys[name], message, hint)
        problems.raise_any()

    def check_data(self, training_samples: int, classes: Sequence[str]) -> None:
        """Check the values that depend on the data, given the names of its classes.

        Raises:
            SpecError: a batch_size is larger than the training set, or a weight is that of an
                unknown class.
        """
        self._check_classes(classes)
        hint = f"the training set has {training_samples:,} samples"
        self._refuse_values(
            *("batch_size", lambda size: size > training_samples, "larger than the data", hint),
            of_default=f"{hint}: write base: {{batch_size: {training_samples}}}",
        )

    def _check_classes(self, classes: Sequence[str]) -> None:
        name, hint = "class_weights", f"classes: {', '.join(classes[:20])}"
        problems = Problems(self.path, self.text)
        for mapping in documents.mappings_of(self.document, name):
            for key, place in mapping.keys.items():
                if key not in classes:
                    problems.add(place, f"the data has no class '{shorten(key)}'", hint)
        problems.raise_any()
        forced = self.forced.get(name)
        for key, _ in forced.options if forced else ():
            if key not in classes:
                raise UsageError(f"--set {name}={forced}: the data has no class '{key}'; {hint}")

    def doubts(self) -> list[str]:
        """Return what in schedules has no effect, because runs are too short for it."""
        found: dict[str, None] = {}
        for point in self.points:
            parameters = point.parameters
            if not parameters.schedule.options:
                continue
            options, epochs = parameters.options("schedule"), parameters.epochs
            for name in ("warmup", "decay_epochs"):
                if (value := options.get(name, 0)) >= epochs:
                    text = f"schedule {parameters.schedule}: {name} is {value:,}"
                    found[f"{text}, and a run has only {epochs:,} epochs"] = None
        return list(found)[:3]

    def check_model(self) -> None:
        """Check that the model supports every parameter.

        Raises:
            SpecError: a function builds the model, and a parameter that only the built-in network
                supports differs from its default.
        """
        if isinstance(self.model, Dense):
            return
        for name, entry in TABLE.items():
            if entry.instead and name not in NETWORK:
                why = "not supported by a model that a function builds"
                self._refuse_values(name, entry.default.__ne__, why, entry.instead)

    def _refuse_values(
        self,
        name: str,
        is_wrong: Callable[[Any], bool],
        why: str,
        hint: str,
        of_default: str | None = None,
    ) -> None:
        """Raise an error that points at the values of a parameter that are wrong, if any are.

        `of_default` replaces the hint if the wrong value is the default.
        """
        forced = self.forced.get(name)
        if forced is not None:
            if is_wrong(forced):
                raise SpecError(f"{self.path}: --set {name}={forced}: {why}; {hint}")
            return
        problems = Problems(self.path, self.text)
        for place, value, is_default in self._values_of(name):
            if is_wrong(value):
                which = " by default" if is_default else ""
                instead = (of_default if is_default else None) or hint
                problems.add(place, f"{name} is {value:,}{which}, {why}", instead)
        problems.raise_any()

    def check_search(self) -> None:
        """Check the requirements of a search, with or without a `search` section.

        Raises:
            SpecError: nothing is held out or varied, or parts of the section conflict with each
                other or with the rest of the spec.
        """
        problems = Problems(self.path, self.text)
        note_unfit(self, problems)
        problems.raise_any()

    def _values_of(self, name: str) -> Iterator[tuple[Place, Any, bool]]:
        """Yield every value that a parameter takes, its place, and whether it is the default."""
        document = self.document
        sections = [document.mapping("grid"), document.mapping("zip")]
        nodes = [item for section in sections if section for item in section.items(name)]
        cases = document.rows("cases")
        of_cases = [case.values[name] for case in cases if name in case.values]
        for node in (*nodes, *of_cases):
            yield node.place, node.plain(), False
        if not nodes and (not cases or len(of_cases) < len(cases)):
            base = document.mapping("base")
            if base is None or name not in base.values:
                yield document.place, TABLE[name].default, True
            else:
                yield base.values[name].place, base.values[name].plain(), False
