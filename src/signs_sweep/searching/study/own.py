"""The trials of a study that belong to its search; any user of the database can add others."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from signs_sweep.domain import Growth
from signs_sweep.errors import UsageError
from signs_sweep.searching.study.space import (
    Space,
    as_stored,
    distributions,
    existing,
    values_of,
)
from signs_sweep.searching.study.storage import FAILED

if TYPE_CHECKING:
    import optuna
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

RUNS = "runs"
"""Attribute of a trial: the ids of its runs."""

VALUES = "values"
"""Attribute of a trial: by run, the value that it contributes."""

_REFUSED = "signs_sweep.refused"
"""Attribute of an enqueued trial that was refused: the reason."""

_FIXED = "fixed_params"
"""Attribute that Optuna gives to an enqueued trial: the parameters that it fixes."""

_LENGTH = 40
"""Number of characters shown of a foreign name or value."""


def counts_of_runs(total: int, replicates: Growth | None) -> range:
    """Return the numbers of runs with which a trial may be complete, the smallest first.

    Args:
        total: number of runs with all replicates.
        replicates: how many replicates a trial gets; None if it gets all.
    """
    if replicates is None:
        return range(total, total + 1)
    splits = total // replicates.at_most
    return range(replicates.at_least * splits, total + 1, splits)


class LeftOut(NamedTuple):
    """A trial of the study that does not belong to the search.

    Attributes:
        number: its number in the study.
        why: the reason.
    """

    number: int
    why: str


class OwnTrials:
    """Separates the trials of a search from foreign trials in its study.

    A trial that has ended belongs to the search if it is a point of the space and has the runs of
    that point: all, or the first of them if their number depends on results. A waiting or running
    trial belongs to the search if its choices so far are in the space: users may enqueue points.

    Attributes:
        study: the study with only the trials of the search. It hides the others from samplers,
            pruners and plots; trial numbers then have gaps.
        distributions: Optuna's distributions by name of the dimension.
    """

    def __init__(
        self,
        study: "optuna.Study",
        space: Space,
        runs_of: Callable[[Mapping[str, Any]], Sequence[str]],
        value_of: Callable[[Sequence[float]], float],
        replicates: Growth | None = None,
    ) -> None:
        """Read a study, without changing it.

        Args:
            study: the study with all trials.
            space: the space of the search.
            runs_of: returns the ids of the runs of a point, given its values by parameter.
            value_of: returns the value of a trial, given the values of its runs.
            replicates: how many replicates a trial gets; None if it gets all.

        Raises:
            UsageError: because of a foreign trial, Optuna cannot propose points of the space.
        """
        self._all = study
        self._space = {dimension.name: dimension for dimension in space}
        self._runs_of = runs_of
        self._value_of = value_of
        self._replicates = replicates
        self._verdicts: dict[int, str] = {}
        known = [trial.distributions for trial in study.get_trials(deepcopy=False)]
        self.distributions = distributions(space, known)
        self._check_kinds()
        self.study = selection(study, lambda trial: not self._objection(trial))

    def left_out(self) -> list[LeftOut]:
        """Return the trials that do not belong to the search, by number."""
        trials = self._all.get_trials(deepcopy=False)
        reported = [trial for trial in trials if not _is_left_behind(trial)]
        judged = [LeftOut(trial.number, self._objection(trial)) for trial in reported]
        return [trial for trial in judged if trial.why]

    def check_enqueued(self) -> None:
        """Fail trials enqueued outside the space, with the reason in an attribute.

        Values that the other enqueued trials fix are rewritten as the study stores them.
        """
        from optuna.trial import TrialState

        storage = self._all._storage  # noqa: SLF001 - `tell` refuses a waiting trial
        for trial in self._all.get_trials(deepcopy=False, states=[TrialState.WAITING]):
            location, fixed = trial._trial_id, trial.system_attrs.get(_FIXED, {})  # noqa: SLF001
            if why := self._objection(trial):
                storage.set_trial_user_attr(location, _REFUSED, why)
                storage.set_trial_state_values(location, TrialState.FAIL)
                continue
            stored = {
                name: as_stored(self._space[name], self.distributions[name], chosen)
                for name, chosen in fixed.items()
            }
            if stored != fixed:
                storage.set_trial_system_attr(location, _FIXED, stored)

    def _objection(self, trial: "FrozenTrial") -> str:
        """Return why a trial does not belong to the search, or an empty string."""
        if not trial.state.is_finished():
            return self._outside({**trial.system_attrs.get(_FIXED, {}), **trial.params}, trial)
        if trial.number not in self._verdicts:  # Optuna never changes a trial that has ended.
            self._verdicts[trial.number] = self._verdict(trial)
        return self._verdicts[trial.number]

    def _verdict(self, trial: "FrozenTrial") -> str:
        """Return why an ended trial does not belong to the search, or an empty string."""
        if _REFUSED in trial.user_attrs:
            return str(trial.user_attrs[_REFUSED])
        if _is_left_behind(trial):
            return "left behind by its process"
        return self._outside(trial.params, trial) or self._unsupported(trial)

    def _unsupported(self, trial: "FrozenTrial") -> str:
        """Return which evidence an ended trial in the space lacks, or an empty string."""
        if incomplete := self._incomplete(trial.params):
            return incomplete
        runs = trial.user_attrs.get(RUNS)
        if not runs:
            return "no runs"
        every = list(self._runs_of(values_of(tuple(self._space.values()), trial.params)))
        counts = counts_of_runs(len(every), self._replicates)
        if self._replicates is not None and trial.state.name != "COMPLETE":
            counts = range(1, len(every) + 1)  # It was pruned or failed in any of them.
        if runs not in [every[:count] for count in counts]:
            return "its runs belong to a different search"
        if trial.state.name != "COMPLETE":
            return ""
        values = trial.user_attrs.get(VALUES) or {}
        is_whole = set(values) == set(runs)
        if not is_whole or trial.value != self._value_of([values[run] for run in runs]):
            return "its value does not match its runs"
        return ""

    def _incomplete(self, params: Mapping[str, Any]) -> str:
        """Return which dimension a trial lacks or should not have, or an empty string."""
        needed = {each.name for each in existing(tuple(self._space.values()), params)}
        missing = [f"no {name}" for name in self._space if name in needed - params.keys()]
        further = [f"{name} without its choice" for name in params if name not in needed]
        return next(iter([*missing, *further]), "")

    def _outside(self, chosen: Mapping[str, Any], trial: "FrozenTrial") -> str:
        """Return which choice of a trial is not in the space, or an empty string."""
        for name, value in chosen.items():
            if name not in self._space:
                return f"{name[:_LENGTH]} is not searched"
            if as_stored(self._space[name], self.distributions[name], value) is None:
                return f"{name}={str(value)[:_LENGTH]} is outside the space"
        for name, distribution in trial.distributions.items():
            if distribution != self.distributions[name]:
                return f"{name} was drawn from a different range"
        return ""

    def _check_kinds(self) -> None:
        """Raise UsageError if Optuna would reject our distributions, given those in the study."""
        from optuna.distributions import check_distribution_compatibility

        for trial in self._all.get_trials(deepcopy=False):
            for name in trial.distributions.keys() & self.distributions.keys():
                try:
                    check_distribution_compatibility(
                        trial.distributions[name], self.distributions[name]
                    )
                except ValueError:
                    raise UsageError(
                        f"trial {trial.number} of the study '{self._all.study_name}', which "
                        f"signs-sweep did not create, has a different type of {name} than the "
                        "spec, and Optuna allows only one type per study. Give the spec a "
                        "different name, or choose a different search.storage."
                    ) from None


def _is_left_behind(trial: "FrozenTrial") -> bool:
    """Whether a process died while it trained the trial, which was then proposed again."""
    from optuna.trial import TrialState

    is_failed = trial.state is TrialState.FAIL
    return is_failed and FAILED not in trial.user_attrs and _REFUSED not in trial.user_attrs


def selection(study: "optuna.Study", belongs: "Callable[[FrozenTrial], bool]") -> "optuna.Study":
    """Return a study that hides trials that do not belong, and is otherwise the same study."""
    import optuna

    storage = _only(study._storage, belongs)  # noqa: SLF001 - the only way to exchange it
    return optuna.Study(study.study_name, storage)


def _only(storage: "BaseStorage", belongs: "Callable[[FrozenTrial], bool]") -> "BaseStorage":
    """Return a storage that shows only trials that belong, and delegates everything else."""
    from optuna.storages import BaseStorage

    def get_all_trials(
        _: object, study_id: int, deepcopy: bool = True, states: Any = None
    ) -> "list[FrozenTrial]":
        trials = storage.get_all_trials(study_id, deepcopy=deepcopy, states=states)
        return [trial for trial in trials if belongs(trial)]

    def delegate(name: str) -> Callable[..., Any]:
        return lambda _, *arguments, **named: getattr(storage, name)(*arguments, **named)

    # What BaseStorage derives from all trials, such as the best trial, it derives from these.
    names = {*BaseStorage.__abstractmethods__, "get_trial_id_from_study_id_trial_number"}
    methods = {name: delegate(name) for name in names} | {"get_all_trials": get_all_trials}
    kind: type[BaseStorage] = type("OwnStorage", (BaseStorage,), methods)
    return kind()
