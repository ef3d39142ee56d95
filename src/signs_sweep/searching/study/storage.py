"""The storage of studies: open a study, check it, and recover it after a crash."""

import json
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from signs_sweep.errors import StoreError, UsageError
from signs_sweep.project.databases import database_errors, opening, shown, sqlite_path, why

if TYPE_CHECKING:
    import optuna
    from optuna.storages import RDBStorage

_MEANING = "signs_sweep.meaning"
_PROPOSALS = "signs_sweep.proposals"
_IDENTITY = "signs_sweep.identity"
_AGAIN = "signs_sweep.again"
"""Attribute of a repeated trial: number of the trial that a dead process left behind."""
EPOCHS = "signs_sweep.epochs"
"""Attribute of a repeated trial: by epoch, as text, the values that a pruner compares."""

PROPOSAL = "signs_sweep.proposal"
"""Attribute of a trial: the number of proposals before it, which a repeated trial shares."""
_LENGTH = 40
"""Maximum length of two differing values that an error shows, in characters."""
FAILED = "signs_sweep.message"
"""Attribute of a trial that failed in training: the reason. Trials left behind do not have it."""


def open_study(
    url: str,
    name: str,
    meaning: Mapping[str, object],
    proposals: Mapping[str, object],
    *,
    maximize: bool,
    metric: str,
) -> "optuna.Study":
    """Open a study, or create it.

    Args:
        url: URL of the database.
        name: name of the study.
        meaning: what its values depend on besides the point, by name.
        proposals: what its points depend on besides the space and the values, by name.
            Stored in a study of an earlier version, which has no record of them.
        maximize: whether larger values are better.
        metric: name of the objective.

    Raises:
        StoreError: the database cannot be used.
        UsageError: the study exists with a different meaning or different proposals.
    """
    import optuna
    from optuna.storages import RDBStorage

    direction = getattr(optuna.study.StudyDirection, "MAXIMIZE" if maximize else "MINIMIZE")

    def create(url: str) -> None:
        RDBStorage(url).engine.dispose()

    with using_storage(url), opening(url, "as search.storage", create):
        study = optuna.create_study(
            storage=_storage(url),
            study_name=name,
            direction=direction,
            load_if_exists=True,
        )
        recorded = study.user_attrs.get(_MEANING)
        is_new = recorded is None and not study.get_trials(deepcopy=False)
        if not isinstance(recorded, Mapping) and not (is_new and study.directions == [direction]):
            raise UsageError(
                f"the study '{name}' in {shown(url)} was not created by signs-sweep. Give the "
                "spec a different name, or choose a different search.storage."
            )
        if _IDENTITY not in study.user_attrs:
            study.set_user_attr(_IDENTITY, uuid4().hex)
        if not isinstance(recorded, Mapping):
            study.set_metric_names([metric])
            study.set_user_attr(_MEANING, recorded := _plain(meaning))
        differences = _differences(recorded, dict.fromkeys(recorded) | _plain(meaning))
        consequence = "Its values cannot be compared with new ones."
        if not differences and _PROPOSALS not in study.user_attrs:
            study.set_user_attr(_PROPOSALS, _plain(proposals))
        elif not differences:
            differences = _differences(study.user_attrs[_PROPOSALS], _plain(proposals))
            consequence = "Its points differ from those that this spec proposes."
    if differences:
        raise UsageError(
            f"the study '{name}' in {shown(url)} was created with different settings: "
            f"{', '.join(differences)}. {consequence} Give the spec a different name, or "
            "choose a different search.storage."
        )
    return study


def _storage(url: str) -> "RDBStorage":
    import optuna
    from optuna.storages import RDBStorage

    try:
        return RDBStorage(url)
    except RuntimeError as error:  # A different version of Optuna created its tables.
        raise optuna.exceptions.StorageInternalError(str(error)) from error


def size_of_study(url: str, name: str, identity: str) -> int | None:
    """Return the number of trials of a study; None if the database has no such study.

    Raises:
        StoreError: the database cannot be used.
    """
    import optuna

    path = sqlite_path(url)
    if path is not None and not path.exists():
        return None
    with using_storage(url):
        try:
            study = optuna.load_study(study_name=name, storage=_storage(url))
        except KeyError:
            return None
        is_same = study.user_attrs.get(_IDENTITY) == identity
        return len(study.get_trials(deepcopy=False)) if is_same else None


def studies_in(url: str) -> list[str]:
    """Return the names of the studies in an existing database.

    Raises:
        StoreError: the database cannot be used.
    """
    import optuna

    with using_storage(url):
        return optuna.get_all_study_names(storage=_storage(url))


def remove_study(url: str, name: str) -> None:
    """Remove a study with its trials.

    Raises:
        StoreError: the database cannot be used.
    """
    import optuna

    with using_storage(url):
        optuna.delete_study(study_name=name, storage=_storage(url))


def identity_of(study: "optuna.Study") -> str:
    """Return the unique identifier of a study, which does not depend on where its database is."""
    identity: str = study.user_attrs[_IDENTITY]
    return identity


def recover(study: "optuna.Study", is_chosen: Callable[[Mapping[str, Any]], bool]) -> int:
    """Fail the trials that a dead process left running, enqueue them again, and return how many.

    No other process may be using the study. A trial that had not chosen all dimensions, as
    `is_chosen` finds from its params, is enqueued with the values that a user fixed, if any;
    otherwise the sampler proposes the same point next.
    """
    from optuna.trial import TrialState

    left = study.get_trials(deepcopy=False, states=[TrialState.RUNNING])
    for trial in left:
        study.tell(trial.number, state=TrialState.FAIL)
        point = trial.params if is_chosen(trial.params) else trial.system_attrs.get("fixed_params")
        if point is not None and FAILED not in trial.user_attrs:
            # Its first run may have ended, so that its epochs are not reported again.
            values = trial.user_attrs.get(EPOCHS, {}) | trial.intermediate_values
            epochs = {str(epoch): value for epoch, value in values.items()}
            kept = {key: value for key, value in trial.user_attrs.items() if key == PROPOSAL}
            again = {_AGAIN: trial.number, EPOCHS: epochs, **kept}
            study.enqueue_trial(point, user_attrs=again)
    return len(left)


def _plain(meaning: Mapping[str, object]) -> dict[str, object]:
    """Return a mapping as the database returns it: with lists for tuples."""
    plain: dict[str, object] = json.loads(json.dumps(meaning))
    return plain


def _differences(recorded: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """Return the names of differing entries, with both values if these are short."""
    differences = []
    for name, now in wanted.items():
        before = recorded.get(name)
        if before == now:
            continue
        if isinstance(now, Mapping) and isinstance(before, Mapping):
            shared = {key: now[key] for key in now if key in before}
            differences += [f"{name} {inner}" for inner in _differences(before, shared)] or [name]
        else:
            then, today = ("not set" if each is None else each for each in (before, now))
            values = f" ({then}, now {today})"
            is_short = not isinstance(now, list | Mapping) and len(values) <= _LENGTH
            differences.append(name + values * is_short)
    return differences


@contextmanager
def using_storage(url: str) -> Iterator[None]:
    """Silence Optuna's log messages and warnings, and turn database errors into a StoreError."""

    def explain(error: Exception) -> StoreError:
        cause = error if isinstance(error, ImportError) else error.__cause__ or error
        return StoreError(f"the study's database {shown(url)} cannot be used: {why(cause)}")

    with database_errors(explain, "optuna.exceptions.StorageInternalError"), _quiet_optuna():
        yield


@contextmanager
def _quiet_optuna() -> Iterator[None]:
    """Silence log messages, for which signs-sweep has its own, and warnings about new features."""
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
