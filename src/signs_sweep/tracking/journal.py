"""Calls of a tracker, kept in a file while the store does not accept them.

Each line is a call in JSON: the name of the method and its arguments. Dataclasses and enums of this
package are written as their name and values; reading creates no other types and runs no other code.
"""

import json
import os
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, fields, is_dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np

from signs_sweep import domain
from signs_sweep.data import Fit, Preparation
from signs_sweep.domain import Curves, Progress, State
from signs_sweep.errors import DeletedError, DeniedError, RefusedError, StoreError
from signs_sweep.protocols import Findings, RunIndex, SweepRecord, Tracker
from signs_sweep.tracking.dataset import DatasetInfo

_KINDS: dict[str, type[Any]] = {
    kind.__name__: kind
    for kind in (*vars(domain).values(), DatasetInfo, Findings, Fit, Preparation, SweepRecord)
    if isinstance(kind, type) and (is_dataclass(kind) or issubclass(kind, Enum))
}

Call = tuple[str, tuple[Any, ...]]
"""Name of a method, and its arguments."""

_KILLED: Call = ("close", (State.KILLED, {}))
"""The end of a sweep whose process was killed."""

HOW_TO_REPEAT = (
    "When the reason is gone, remove `.refused` from its name: the next `run` or `search` writes it"
)
"""What to do with the file of calls that the store has refused."""


class Journal:
    """A file of calls, which is created with the first of them.

    Attributes:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def refused(self) -> "Journal":
        """The journal beside it for calls that the store refuses, which no sweep replays."""
        return Journal(self.path.with_name(f"{self.path.name}.refused"))

    def append(self, *calls: Call) -> None:
        """Append calls durably.

        Raises:
            StoreError: the file cannot be written.
        """
        lines = [json.dumps([name, _encode(arguments)]) + "\n" for name, arguments in calls]
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="ascii") as file:
                file.writelines(lines)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise StoreError(
                f"cannot write to the tracking store, nor save its records in {self.path}: "
                f"{error.strerror}. Checkpoints and all finished runs are kept; the same command "
                "resumes from there."
            ) from error

    def read(self) -> list[Call]:
        """Return all calls, without an incomplete last line.

        Raises:
            StoreError: the file cannot be read, or is not a journal.
        """
        try:
            lines = self.path.read_text(encoding="ascii").splitlines(keepends=True)
            whole = [json.loads(line) for line in lines if line.endswith("\n")]
            return [(name, _decode(arguments)) for name, arguments in whole]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StoreError(
                f"cannot read {self.path}, which holds unsaved records of the tracking store: "
                f"{error}. If a different version of signs-sweep left it, run that version once to "
                "save them. Otherwise move the file away to continue without these records."
            ) from error

    def remove(self) -> None:
        """Remove the file, if it exists."""
        with suppress(OSError):
            self.path.unlink()


@dataclass
class Refusals:
    """What a store refused of the calls of a journal.

    Attributes:
        calls: those that it would accept once the reasons are gone; none for a deleted record.
        reasons: by run_id, or the name of another call.
    """

    calls: list[Call] = field(default_factory=list)
    reasons: dict[str, RefusedError] = field(default_factory=dict)

    @contextmanager
    def of(self, *calls: Call) -> Iterator[None]:
        """Keep calls that are refused, unless the store refuses every call or is away.

        The first of them names them.
        """
        try:
            yield
        except DeniedError:
            raise
        except RefusedError as error:
            self.reasons[name_of(calls[0])] = error
            if not isinstance(error, DeletedError):
                self.calls += calls


def run_of(call: Call) -> str:
    """Return the run_id that a call is about, or an empty string."""
    name, arguments = call
    if name == "start":
        return str(arguments[1].run_id)
    return str(arguments[0].run_id) if name == "record" else ""


def name_of(call: Call) -> str:
    """Return what a call is about, for messages: a run, a trial or the sweep."""
    name, arguments = call
    title = arguments[0].trial.title or "a trial" if name == "end_trial" else "the sweep"
    return run_of(call) or str(title)


def replay(calls: Sequence[Call], tracker: Tracker, index: RunIndex | None) -> Refusals:
    """Pass the calls of a journal for runs and trials to an open tracker.

    Runs that are finished in the store are left out, and the record of a run that a sweep elsewhere
    is recording counts as deleted. Trials end after all of the runs, in the order of the journal.

    Args:
        calls: those of the journal.
        tracker: open.
        index: finds runs in the same store; None to ignore their earlier records.

    Returns:
        What the store refuses; everything else is written.

    Raises:
        StoreError: the store cannot be written; the same calls may be replayed again.
    """
    of_runs: dict[str, list[Call]] = {}
    origins = {sweep.origin for sweep in calls[0][1][0]} if calls[0][0] == "open" else set()
    for name, arguments in calls:
        if name == "start":
            of_runs[arguments[1].run_id] = [(name, arguments)]
        elif name == "record" and arguments[0].run_id in of_runs:
            of_runs[arguments[0].run_id].append((name, arguments))
    refusals = Refusals()
    for run_id, of_run in of_runs.items():
        # Of each when its turn comes: another machine may be replaying the same runs.
        known = None if index is None else index.find([run_id]).get(run_id)
        if known is None or not known.state.is_finished:
            with refusals.of(*of_run):
                if known and not known.state.has_ended and known.begun_by not in (None, *origins):
                    raise DeletedError("its record was replaced")
                _replay_run(of_run, tracker, known.location if known else None)
    for call in calls:
        if call[0] == "end_trial":
            with refusals.of(call):
                tracker.end_trial(*call[1])
    return refusals


def _replay_run(calls: Sequence[Call], tracker: Tracker, location: str | None) -> None:
    """Pass the calls for a run; `location` is that of its unfinished record, if it has any."""
    (_, (trial, run, continues)), *events = calls
    tracker.start(trial, run, location or continues)
    curves = Curves()
    for _, (event,) in events:
        # The journal may hold a call twice: the call that failed when the store went away.
        new = curves.add(event) if isinstance(event, Progress) else event
        if new is not None:
            tracker.record(new)


def finish_journal(
    journal: Journal, make_tracker: Callable[..., Tracker], index: RunIndex
) -> Mapping[str, RefusedError]:
    """Save the records of an earlier sweep to the store, and remove its journal.

    Args:
        journal: no process may be writing to it.
        make_tracker: returns a tracker of the store, given datasets by fingerprint.
        index: finds runs in the same store.

    Returns:
        Why the store refuses some of them, by run_id or name of a trial or call. They are kept in
        `journal.refused`, except those whose record was deleted.

    Raises:
        StoreError: the store cannot be written, or the journal cannot be read.
    """
    calls = journal.read()
    if not calls:  # Its first line is incomplete: it holds no records.
        journal.remove()
        return {}
    sweeps, datasets = calls[0][1]
    tracker, refusals = make_tracker(datasets), Refusals()
    with refusals.of(*calls):
        tracker.open(sweeps)
    if not refusals.reasons:
        refusals = replay(calls, tracker, index)
        end = next((call for call in reversed(calls) if call[0] == "close"), _KILLED)
        with refusals.of(end):
            tracker.close(*end[1])
        if refusals.calls:
            refusals.calls = [calls[0], *refusals.calls, end]
    if refusals.calls:
        journal.refused.append(*refusals.calls)
    journal.remove()
    return refusals.reasons


def _encode(value: Any) -> Any:  # noqa: PLR0911 - a case for each kind
    """Return a value in the form that JSON has; an object has one key, which names its type."""
    match value:
        case bool() | str() | int() | float() | None:
            return value
        case np.generic():
            return value.item()
        case bytes():
            return {"bytes": b64encode(value).decode()}
        case np.ndarray():
            content = b64encode(np.ascontiguousarray(value).tobytes()).decode()
            return {"array": [value.dtype.str, value.shape, content]}
        case Enum():
            return {type(value).__name__: value.value}
        case tuple() | list():
            return [_encode(item) for item in value]
        case Mapping():
            return {"mapping": [[name, _encode(item)] for name, item in value.items()]}
        case DatasetInfo():
            value = replace(value, novelty=value.novelty_bytes)
    assert type(value).__name__ in _KINDS, f"{type(value)} cannot be kept"
    values = {each.name: _encode(getattr(value, each.name)) for each in fields(value)}
    return {type(value).__name__: values}


def _decode(value: Any) -> Any:  # noqa: PLR0911 - a case for each kind
    """Return the value that `_encode` was given, with tuples in place of lists."""
    if isinstance(value, list):
        return tuple(map(_decode, value))
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    match kind:
        case "bytes":
            return b64decode(content)
        case "array":
            dtype, shape, raw = content
            return np.frombuffer(b64decode(raw), dtype).reshape(shape).copy()
        case "mapping":
            return {name: _decode(item) for name, item in content}
    if issubclass(_KINDS[kind], Enum):
        return _KINDS[kind](content)
    return _KINDS[kind](**{name: _decode(item) for name, item in content.items()})
