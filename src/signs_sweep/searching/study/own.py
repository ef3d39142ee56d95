"""The trials of a study that its search made; whoever has the database can add others."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from signs_sweep.errors import UsageError
from signs_sweep.searching.study.space import Space, distributions, settled, values_of
from signs_sweep.searching.study.storage import FAILED

if TYPE_CHECKING:
    import optuna
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

RUNS = "runs"
"""Attribute of a trial: the ids of its runs."""

VALUES = "values"
"""Attribute of a trial: by run, what its value is made of."""

_REFUSED = "signs_sweep.refused"
"""Attribute of a trial that somebody enqueued and that is not trained: why."""

_FIXED = "fixed_params"
"""Attribute that Optuna gives to a trial that is enqueued: what it fixes."""

_LENGTH = 40
"""How much is shown of what others wrote."""

_LEFT_BEHIND = "left behind by its process"
"""Why a trial is none of the search's that nobody needs to hear of: it was asked again."""


class LeftOut(NamedTuple):
    """A trial of the study that is not one of the search.

    Attributes:
        number: its number in the study.
        why: what is wrong with it, in words.
    """

    number: int
    why: str


class OwnTrials:
    """Separates the trials of a search from what others put into its study.

    A trial that has ended belongs to the search if it is a point of the space and has the runs of
    that point behind it. One that waits or runs does if what it has chosen so far is in the space:
    a user may enqueue points.

    Attributes:
        study: the study with the trials of the search alone. Samplers, pruners and plots that are
            given it do not see the others; the numbers of trials have gaps then.
        distributions: Optuna's, by the name of the dimension.
    """

    def __init__(
        self,
        study: "optuna.Study",
        space: Space,
        runs_of: Callable[[Mapping[str, Any]], Sequence[str]],
        value_of: Callable[[Sequence[float]], float],
    ) -> None:
        """Look at a study; nothing in it is changed.

        Args:
            study: with all trials.
            space: what is searched.
            runs_of: returns the ids of the runs of a point, given its values by parameter.
            value_of: returns the value of a trial, given that of each of its runs.

        Raises:
            UsageError: somebody added a trial which keeps Optuna from proposing any.
        """
        import optuna

        self._all = study
        self._space = {one.name: one for one in space}
        self._runs_of = runs_of
        self._value_of = value_of
        self._verdicts: dict[int, str] = {}
        known = [trial.distributions for trial in study.get_trials(deepcopy=False)]
        self.distributions = distributions(space, known)
        self._check_kinds()
        storage = _only(study._storage, lambda trial: not self._objection(trial))  # noqa: SLF001
        self.study = optuna.Study(study.study_name, storage)

    def left_out(self) -> list[LeftOut]:
        """Return the trials that are not of the search, by number."""
        all_trials = self._all.get_trials(deepcopy=False)
        found = [LeftOut(one.number, self._objection(one)) for one in all_trials]
        return [one for one in found if one.why not in {"", _LEFT_BEHIND}]

    def admit(self) -> None:
        """Fail the trials that are enqueued outside of the space, and say why in an attribute.

        What the others fix is written as the study has it: a number or a text.
        """
        from optuna.trial import TrialState

        storage = self._all._storage  # noqa: SLF001 - a trial that waits cannot be told
        for trial in self._all.get_trials(deepcopy=False, states=[TrialState.WAITING]):
            location, fixed = trial._trial_id, trial.system_attrs.get(_FIXED, {})  # noqa: SLF001
            if why := self._objection(trial):
                storage.set_trial_user_attr(location, _REFUSED, why)
                storage.set_trial_state_values(location, TrialState.FAIL)
                continue
            settled_ones = {
                name: settled(self._space[name], self.distributions[name], chosen)
                for name, chosen in fixed.items()
            }
            if settled_ones != fixed:
                storage.set_trial_system_attr(location, _FIXED, settled_ones)

    def _objection(self, trial: "FrozenTrial") -> str:
        """Return why a trial is not one of the search, or an empty string."""
        if not trial.state.is_finished():
            return self._outside({**trial.system_attrs.get(_FIXED, {}), **trial.params}, trial)
        if trial.number not in self._verdicts:  # Optuna never changes a trial that has ended.
            self._verdicts[trial.number] = self._verdict(trial)
        return self._verdicts[trial.number]

    def _verdict(self, trial: "FrozenTrial") -> str:
        """Return why a trial that has ended is not one of the search, or an empty string."""
        from optuna.trial import TrialState

        if _REFUSED in trial.user_attrs:
            return str(trial.user_attrs[_REFUSED])
        if trial.state is TrialState.FAIL and FAILED not in trial.user_attrs:
            return _LEFT_BEHIND
        return self._outside(trial.params, trial) or self._unfounded(trial)

    def _unfounded(self, trial: "FrozenTrial") -> str:
        """Return what is missing behind a trial that has ended in the space, or an empty string."""
        missing = [name for name in self._space if name not in trial.params]
        if missing:
            return f"no {missing[0]}"
        runs = trial.user_attrs.get(RUNS)
        if not runs:
            return "no runs"
        if runs != list(self._runs_of(values_of(tuple(self._space.values()), trial.params))):
            return "its runs are those of another search"
        if trial.state.name != "COMPLETE":
            return ""
        values = trial.user_attrs.get(VALUES) or {}
        is_whole = set(values) == set(runs)
        if not is_whole or trial.value != self._value_of([values[run] for run in runs]):
            return "its value is not that of its runs"
        return ""

    def _outside(self, chosen: Mapping[str, Any], trial: "FrozenTrial") -> str:
        """Return what of the choices of a trial is not in the space, or an empty string."""
        for name, value in chosen.items():
            if name not in self._space:
                return f"{name[:_LENGTH]} is not searched"
            if settled(self._space[name], self.distributions[name], value) is None:
                return f"{name}={str(value)[:_LENGTH]} is outside the space"
        for name, distribution in trial.distributions.items():
            if distribution != self.distributions[name]:
                return f"{name} was chosen from another range"
        return ""

    def _check_kinds(self) -> None:
        """Raise UsageError where Optuna would refuse our distributions for those in the study."""
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
                        f"signs-sweep did not make, has another kind of {name} than the spec, and "
                        "Optuna allows one in a study. Give the spec another name, or name another "
                        "search.storage."
                    ) from None


def _only(storage: "BaseStorage", belongs: "Callable[[FrozenTrial], bool]") -> "BaseStorage":
    """Return a storage with those trials alone that belong; all else is done by the one given."""
    from optuna.storages import BaseStorage

    def get_all_trials(
        _: object, study_id: int, deepcopy: bool = True, states: Any = None
    ) -> "list[FrozenTrial]":
        trials = storage.get_all_trials(study_id, deepcopy=deepcopy, states=states)
        return [trial for trial in trials if belongs(trial)]

    def passed_on(name: str) -> Callable[..., Any]:
        return lambda _, *arguments, **named: getattr(storage, name)(*arguments, **named)

    # What BaseStorage makes of all trials, such as the best one, it makes of those that belong.
    names = {*BaseStorage.__abstractmethods__, "get_trial_id_from_study_id_trial_number"}
    methods = {name: passed_on(name) for name in names} | {"get_all_trials": get_all_trials}
    kind: type[BaseStorage] = type("OwnStorage", (BaseStorage,), methods)
    return kind()
