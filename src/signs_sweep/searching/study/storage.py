"""Where a study is kept: opened, checked, and put in order after a crash."""

import json
import logging
import warnings
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from signs_sweep.errors import UsageError
from signs_sweep.project.databases import database_errors, opening, shown, why

if TYPE_CHECKING:
    import optuna

_MEANING = "signs_sweep.meaning"
_PROPOSALS = "signs_sweep.proposals"
_IDENTITY = "signs_sweep.identity"
_AGAIN = "signs_sweep.again"
"""Attribute of a trial that was asked again: number of the one that was left behind."""
_LENGTH = 40
"""How long the values of a setting may be to be shown in an error."""
FAILED = "signs_sweep.message"
"""Attribute of a trial that failed by itself: why. One without was left behind by its process."""


def open_study(
    url: str,
    name: str,
    meaning: Mapping[str, object],
    proposals: Mapping[str, object],
    *,
    maximize: bool,
    metric: str,
) -> "optuna.Study":
    """Open a study, or make it.

    Args:
        url: of the database.
        name: of the study.
        meaning: by what it is called, all that its values depend on beside the point.
        proposals: by what it is called, all that its points depend on beside the space and the
            values. A study of an earlier version, which has no record of them, gets these.
        maximize: whether more is better.
        metric: name of the objective.

    Raises:
        StoreError: the database cannot be used.
        UsageError: there is a study of this name with another meaning or other proposals.
    """
    import optuna
    from optuna.storages import RDBStorage

    direction = getattr(optuna.study.StudyDirection, "MAXIMIZE" if maximize else "MINIMIZE")

    def create(url: str) -> None:
        RDBStorage(url).engine.dispose()

    with using_storage(url), opening(url, "as search.storage", create):
        try:
            storage = RDBStorage(url)
        except RuntimeError as error:  # Another version of Optuna created its tables.
            raise optuna.exceptions.StorageInternalError(str(error)) from error
        study = optuna.create_study(
            storage=storage,
            study_name=name,
            direction=direction,
            load_if_exists=True,
        )
        known = study.user_attrs.get(_MEANING)
        is_new = known is None and not study.get_trials(deepcopy=False)
        if not isinstance(known, Mapping) and not (is_new and study.directions == [direction]):
            raise UsageError(
                f"the study '{name}' in {shown(url)} was not made by signs-sweep. Give the "
                "spec another name, or name another search.storage."
            )
        if _IDENTITY not in study.user_attrs:
            study.set_user_attr(_IDENTITY, uuid4().hex)
        if not isinstance(known, Mapping):
            study.set_metric_names([metric])
            study.set_user_attr(_MEANING, known := _plain(meaning))
        differences = _differences(known, _plain(meaning))
        consequence = "Its values cannot be compared with new ones."
        if not differences and _PROPOSALS not in study.user_attrs:
            study.set_user_attr(_PROPOSALS, _plain(proposals))
        elif not differences:
            differences = _differences(study.user_attrs[_PROPOSALS], _plain(proposals))
            consequence = "Its points are not those that this spec proposes."
    if differences:
        raise UsageError(
            f"the study '{name}' in {shown(url)} was created with different settings: "
            f"{', '.join(differences)}. {consequence} Give the spec another name, or name another "
            "search.storage."
        )
    return study


def identity_of(study: "optuna.Study") -> str:
    """Return what tells a study of ours from all others, wherever its database is."""
    identity: str = study.user_attrs[_IDENTITY]
    return identity


def recover(study: "optuna.Study", names: Collection[str]) -> int:
    """Fail the trials that a dead process left running, and ask for them again; return how many.

    Nobody else may be at work on the study.

    Args:
        study: the study.
        names: what a trial chooses. One that had not chosen all of it is asked again for what was
            fixed when somebody enqueued it, if anything; else the next proposal is the same point.
    """
    from optuna.trial import TrialState

    left = study.get_trials(deepcopy=False, states=[TrialState.RUNNING])
    for trial in left:
        study.tell(trial.number, state=TrialState.FAIL)
        is_chosen = set(trial.params) == set(names)
        point = trial.params if is_chosen else trial.system_attrs.get("fixed_params")
        if point is not None and FAILED not in trial.user_attrs:
            study.enqueue_trial(point, user_attrs={_AGAIN: trial.number})
    return len(left)


def _plain(meaning: Mapping[str, object]) -> dict[str, object]:
    """Return what a database gives back: lists for tuples."""
    plain: dict[str, object] = json.loads(json.dumps(meaning))
    return plain


def _differences(known: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """Return what has another value in two records, in words with both values if they are short."""
    differences = []
    for what, now in wanted.items():
        before = known.get(what)
        if before == now:
            continue
        if isinstance(now, Mapping) and isinstance(before, Mapping):
            shared = {name: now[name] for name in now if name in before}
            differences += [f"{what} {inner}" for inner in _differences(before, shared)] or [what]
        else:
            values = f" ({before}, now {now})"
            is_short = not isinstance(now, list | Mapping) and len(values) <= _LENGTH
            differences.append(what + values * is_short)
    return differences


@contextmanager
def using_storage(url: str) -> Iterator[None]:
    """Keep Optuna from logging and warning, and turn what a database answers into a StoreError."""

    def explain(error: Exception) -> str:
        cause = error if isinstance(error, ImportError) else error.__cause__ or error
        return f"the study's database {shown(url)} cannot be used: {why(cause)}"

    with database_errors(explain, "optuna.exceptions.StorageInternalError"), _quiet_optuna():
        yield


@contextmanager
def _quiet_optuna() -> Iterator[None]:
    """Keep Optuna from logging what the user is told by us, and from warning of what is new."""
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="optuna")
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(before)
