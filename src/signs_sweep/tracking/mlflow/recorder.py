"""The record of a run in MLflow, from its start to its end."""

import csv
import io
import tempfile
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from signs_sweep.domain import (
    PARAMETER_NAMES,
    Checkpoint,
    Condition,
    Curves,
    Diagnosis,
    Event,
    Failed,
    Finished,
    History,
    Kinds,
    Progress,
    Retried,
    Run,
    Started,
    State,
    Stopped,
    Waiting,
    as_text,
    kinds_text,
    values_at,
)
from signs_sweep.figures.run import draw_run
from signs_sweep.tracking.dataset import DatasetInfo
from signs_sweep.tracking.mlflow import tags
from signs_sweep.tracking.mlflow.client import log_files, write
from signs_sweep.tracking.mlflow.model import MODEL, write_model
from signs_sweep.tracking.mlflow.predictions import PREDICTIONS, predictions_file

if TYPE_CHECKING:
    import numpy as np
    from mlflow import MlflowClient
    from mlflow.entities import Metric
    from numpy.typing import NDArray

_SECONDS = 2.0
"""Between two writes of a run's epochs: often enough to watch, rarely enough to cost little."""

_REST = 10
"""The pause after a write at least, in multiples of its duration and of the runs that are recorded:
with many runs, or on a slow store, writing so often would take more than a tenth of the time."""

_AT_ONCE = 900
"""Metrics in a call; MLflow's limit is 1,000."""

_NOTES = {
    Condition.COLLAPSED: (
        "It collapsed: its loss has not been below that of guessing since epoch {since:,}, and "
        "every image gets the same class, as from a network whose hidden units are all dead."
    ),
    Condition.OVERFITS: (
        "It overfits: its accuracy on the training set is {gap:.1%} above that on images it was "
        "not trained on."
    ),
    Condition.UNDERFITS: (
        "It underfits: it does not fit the training set, and no longer improves."
    ),
    Condition.OSCILLATES: (
        "It oscillates: its accuracy changes so much from epoch to epoch that the last epoch is "
        "chance."
    ),
    Condition.IMPROVING: "It is still improving: with more epochs it may become better.",
    Condition.LEARNED: "It learned: it fits the training set, and does not overfit.",
}
"""Notes on finished runs."""


@dataclass(eq=False)
class RunRecorder:
    """Writes the events of a run to its record.

    Attributes:
        client: the store.
        location: id of the record.
        run: the run.
        dataset: what it is trained on.
        spec: text of the spec.
        recorded: by metric, the last epoch that the record already holds.
        recorders: all of the sweep.
        state: how the run ended, or RUNNING.
    """

    client: "MlflowClient"
    location: str
    run: Run
    dataset: DatasetInfo
    spec: str
    recorded: Mapping[str, int]
    recorders: Collection["RunRecorder"] = ()
    state: State = field(default=State.RUNNING, init=False)
    _environment: Mapping[str, str] = field(default_factory=dict, init=False)
    _kinds: Kinds = field(default_factory=dict, init=False)
    _curves: Curves = field(default_factory=Curves, init=False)
    _waiting: list["Metric"] = field(default_factory=list, init=False)
    _waiting_tags: dict[str, str] = field(default_factory=dict, init=False)
    _next_write: float = field(default_factory=lambda: time.monotonic() + _SECONDS, init=False)

    def record(self, event: Event) -> None:
        """Record an event; an event after the end changes nothing."""
        if self.state.has_ended:
            return
        match event:
            case Started():
                self._environment = event.environment
                self._waiting_tags |= {
                    tags.ENVIRONMENT + name: value for name, value in event.environment.items()
                }
                if event.node is not None:
                    self._waiting_tags[tags.NODE] = event.node
            case Progress():
                self._note_kinds(event.kinds)
                self._add(event)
            case Finished():
                self._note_kinds(event.kinds)
                self._finish(event)
            case Failed():
                self._fail(event)
            case Stopped():
                self.stop(event.time)
            case Checkpoint() | Retried() | Waiting():
                pass

    def stop(self, when: float) -> None:
        """End the record as killed, with the epochs so far."""
        self._end(State.KILLED, when, self._history_files())

    def _note_kinds(self, kinds: Kinds) -> None:
        if kinds != self._kinds and len(kinds) > 1:
            self._waiting_tags[tags.KINDS] = kinds_text(kinds)
        self._kinds = kinds

    def _add(self, event: Progress) -> None:
        from mlflow.entities import Metric

        self._curves.add(event)
        self._waiting += [
            Metric(name, float(value), int(moment), step)
            for name, values in event.metrics.items()
            for step, (value, moment) in enumerate(
                zip(values, event.times, strict=True), start=event.first_epoch
            )
            if step > self.recorded.get(name, 0)
        ]
        if time.monotonic() > self._next_write or len(self._waiting) > _AT_ONCE:
            self._write()

    def _write(self) -> None:
        """Write the waiting metrics and, after them, the tags and the number of epochs."""
        began = time.monotonic()
        waiting, self._waiting = self._waiting, []
        is_backlog = len(waiting) > _AT_ONCE
        while len(waiting) > _AT_ONCE:
            write(self.client, self.location, metrics=waiting[:_AT_ONCE])
            waiting = waiting[_AT_ONCE:]
        # A run that was stopped before it resumed still has its earlier epochs.
        epochs = max(self._curves.epochs, self.recorded.get("loss", 0))
        values = self._waiting_tags | {tags.EPOCHS: str(epochs)}
        write(self.client, self.location, metrics=waiting, tags=values)
        self._waiting_tags = {}
        now = time.monotonic()
        running = sum(each.state is State.RUNNING for each in self.recorders)
        rest = 0 if is_backlog else _REST * (now - began) * running
        self._next_write = now + max(_SECONDS, rest)

    def _finish(self, event: Finished) -> None:
        from mlflow.entities import Metric

        if event.guessing_since is not None:
            self._waiting_tags[tags.GUESSING_SINCE] = str(event.guessing_since)
        if event.diagnosis is not None:
            self._waiting_tags |= tags_of(event.diagnosis)
            if event.diagnosis.condition is Condition.COLLAPSED:
                self._waiting_tags[tags.NOTE] += self._only_class(event)
        self._waiting_tags |= self._stopping(event)
        moment = int(event.time * 1000)
        final = {**event.metrics, "seconds": event.seconds}
        if event.chosen_epoch is not None:  # MLflow shows the last value of a curve.
            chosen = values_at(self._curves.history(), event.chosen_epoch)
            final |= {f"{tags.CHOSEN_METRIC}{name}": value for name, value in chosen.items()}
        self._waiting += [
            Metric(name, value, moment, self._curves.epochs)
            for name, value in final.items()
            if name not in self.recorded
        ]
        pictures = event.pictures
        if pictures is None:
            pictures = self._draw(event.confusion, event.chosen_epoch)
        files = self._history_files() | dict(pictures)
        if event.predictions:
            files[PREDICTIONS] = predictions_file(event.predictions, self.dataset.classes)
        self._end(State.FINISHED, event.time, files, event.model)

    def _only_class(self, event: Finished) -> str:
        """Return a sentence about the class that every image gets, if that is known."""
        predicted = {
            int(label) for of_set in event.predictions.values() for label in of_set.predicted
        }
        names = [f" The class is '{self.dataset.classes[label]}'." for label in predicted]
        return names[0] if len(names) == 1 else ""

    def _stopping(self, event: Finished) -> dict[str, str]:
        """Return the tags that say when early stopping ended the run, and what it chose."""
        values, chosen, note = {}, event.chosen_epoch, self._waiting_tags.get(tags.NOTE, "")
        if event.stopped_at is not None:
            values[tags.STOPPED_AT] = str(event.stopped_at)
            note += f" Early stopping ended it after epoch {event.stopped_at:,}."
        if chosen is not None:
            values[tags.CHOSEN_EPOCH] = str(chosen)
            history = values_at(self._curves.history(), chosen)
            values |= {tags.CHOSEN + name: repr(value) for name, value in history.items()}
            note += f" Its weights are those of epoch {chosen:,}, its best; the curves end later."
        return values | ({tags.NOTE: note.strip()} if values else {})

    def _fail(self, event: Failed) -> None:
        message = event.message[:5000]
        self._waiting_tags |= {tags.MESSAGE: message, tags.NOTE: message}
        if event.chance is not None:
            self._waiting_tags[tags.DIVERGED] = repr(event.chance)
        files = self._history_files() | self._draw(None)
        if event.traceback:
            files["traceback.txt"] = event.traceback.encode()
        self._end(State.FAILED, event.time, files)

    def _history_files(self) -> dict[str, bytes]:
        files = {"spec.yaml": self.spec.encode()}
        if self._curves.epochs:
            files["history.csv"] = _csv(self._curves.history())
        return files

    def _end(
        self, state: State, when: float, files: dict[str, bytes], model: bytes | None = None
    ) -> None:
        self._write()
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for file, content in files.items():
                (folder / file).write_bytes(content)
            if model is not None:
                write_model(folder / MODEL, model, self.dataset, self._environment)
            log_files(self.client, self.location, folder)
        self.client.set_terminated(self.location, state.value, end_time=int(when * 1000))
        self.state = state

    def _draw(
        self, confusion: "NDArray[np.int64] | None", chosen: int | None = None
    ) -> dict[str, bytes]:
        rate, classes = self.run.parameters.learning_rate, self.dataset.classes
        return draw_run(rate, self._curves.history(), confusion, classes, chosen)


def tags_of(diagnosis: Diagnosis) -> dict[str, str]:
    """Return the tags and the note of a finished run, from its diagnosis."""
    since, gap = diagnosis.since, diagnosis.gap
    note = _NOTES[diagnosis.condition].format(since=since, gap=gap)
    if diagnosis.condition is Condition.OVERFITS and since is not None:
        note += f" Its validation loss was lowest in epoch {since:,}."
    values = {tags.DIAGNOSIS: diagnosis.condition.value, tags.NOTE: note}
    if since is not None:
        values[tags.DIAGNOSIS_SINCE] = str(since)
    if gap is not None:
        values[tags.DIAGNOSIS_GAP] = repr(gap)
    return values


def params_of(run: Run) -> dict[str, str]:
    """Return the params of a run in MLflow: text, with numbers as in a spec."""
    values = {name: run.parameters.text(name) for name in PARAMETER_NAMES}
    folds = {"folds": str(run.folds)} if run.folds else {}
    return values | run.model.values | {"validation": as_text(run.validation)} | folds


def _csv(history: History) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["epoch", *history])
    rows = zip(*(values.tolist() for values in history.values()), strict=True)
    writer.writerows([epoch, *row] for epoch, row in enumerate(rows, start=1))
    return text.getvalue().encode()
