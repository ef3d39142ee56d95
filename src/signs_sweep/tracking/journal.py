"""Calls of a tracker kept in a file, for as long as the store cannot take them.

One line a call, in JSON: the name of the method and its arguments. Records of this package, arrays
and bytes are written by name and content, so that reading runs no code that the file chose.
"""

import json
import os
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np

from signs_sweep.domain import (
    Built,
    Curves,
    Dense,
    Failed,
    Finished,
    Parameters,
    Progress,
    Purpose,
    Retried,
    Run,
    Started,
    State,
    Stopped,
    Trial,
    TrialEnd,
    TrialState,
    Waiting,
)
from signs_sweep.errors import StoreError
from signs_sweep.protocols import Findings, RunIndex, SweepRecord, Tracker
from signs_sweep.tracking.dataset import DatasetInfo

_KINDS: dict[str, type[Any]] = {
    kind.__name__: kind
    for kind in (
        *(Built, DatasetInfo, Dense, Failed, Findings, Finished, Parameters, Progress, Purpose),
        *(Retried, Run, Started, State, Stopped, SweepRecord, Trial, TrialEnd, TrialState, Waiting),
    )
}

Call = tuple[str, tuple[Any, ...]]
"""Name of a method, and its arguments."""


class Journal:
    """A file of calls, made with the first one.

    Attributes:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, *calls: Call) -> None:
        """Write calls at the end, durably.

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
                f"the tracking store cannot be written, and neither can {self.path}, where its "
                f"records would wait: {error.strerror}. Checkpoints and all finished runs are "
                "kept; the same command goes on from there."
            ) from error

    def read(self) -> list[Call]:
        """Return all calls. A last line that was not written to its end is left out.

        Raises:
            StoreError: the file cannot be read, or is no journal.
        """
        try:
            lines = self.path.read_text(encoding="ascii").splitlines(keepends=True)
            whole = [json.loads(line) for line in lines if line.endswith("\n")]
            return [(name, _decode(arguments)) for name, arguments in whole]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StoreError(
                f"{self.path} holds records that wait for the tracking store, and cannot be read: "
                f"{error}. Move it away to go on without them."
            ) from error

    def remove(self) -> None:
        """Remove the file, if it is there."""
        with suppress(OSError):
            self.path.unlink()


def replay(calls: Sequence[Call], tracker: Tracker, index: RunIndex | None) -> None:
    """Do what a journal holds of runs and trials, in an open tracker.

    What is recorded already stays. Trials end after all of the runs, in the order of the journal.

    Args:
        calls: those of the journal.
        tracker: open.
        index: finds runs in the same store; None where their earlier records do not count.

    Raises:
        StoreError: the store cannot be written; all of it may be done again.
    """
    of_runs: dict[str, list[Call]] = {}
    for name, arguments in calls:
        if name == "start":
            of_runs[arguments[1].run_id] = [(name, arguments)]
        elif name == "record" and arguments[0].run_id in of_runs:
            of_runs[arguments[0].run_id].append((name, arguments))
    found = {} if index is None else index.find(list(of_runs))
    for run_id, (start, *events) in of_runs.items():
        known = found.get(run_id)
        if known is not None and known.state.is_finished:
            continue
        trial, run, continues = start[1]
        tracker.start(trial, run, known.location if known else continues)
        curves = Curves()
        for name, (event,) in events:
            # A call may be in the journal twice: what was under way when the store went away.
            new = curves.add(event) if isinstance(event, Progress) else event
            if new is not None:
                _apply(tracker, (name, (new,)))
    for name, arguments in calls:
        if name == "end_trial":
            _apply(tracker, (name, arguments))


def finish_journal(journal: Journal, make_tracker: Callable[..., Tracker], index: RunIndex) -> None:
    """Write what an earlier sweep could not, and remove its journal.

    Args:
        journal: nobody may be writing it.
        make_tracker: makes the tracker of the store, for datasets by fingerprint.
        index: finds runs in the same store.

    Raises:
        StoreError: the store cannot be written, or the journal cannot be read.
    """
    calls = journal.read()
    if not calls:  # Its first line was not written to its end: nothing was kept yet.
        journal.remove()
        return
    sweeps, datasets = calls[0][1]
    tracker = make_tracker(datasets)
    tracker.open(sweeps)
    replay(calls, tracker, index)
    ends = [arguments for name, arguments in calls if name == "close"]
    tracker.close(*(ends[-1] if ends else (State.KILLED, {})))
    journal.remove()


def _apply(tracker: Tracker, call: Call) -> None:
    name, arguments = call
    getattr(tracker, name)(*arguments)


def _encode(value: Any) -> Any:  # noqa: PLR0911 - one for each kind
    """Return a value as JSON has it; objects with one key say what is in them."""
    match value:
        case bool() | str() | None:
            return value
        case int() | float():
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
    assert is_dataclass(value), f"{type(value)} cannot be kept"
    assert type(value).__name__ in _KINDS, f"{type(value)} cannot be kept"
    values = {field.name: _encode(getattr(value, field.name)) for field in fields(value)}
    return {type(value).__name__: values}


def _decode(value: Any) -> Any:  # noqa: PLR0911 - one for each kind
    """Return what `_encode` was given; lists come back as tuples."""
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
