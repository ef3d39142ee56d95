"""What the sweep loop needs to resume runs, and the state of a run while it is trained."""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace

from signs_sweep.domain import (
    Curves,
    Event,
    Failed,
    Finished,
    Kinds,
    Progress,
    Result,
    Run,
    Started,
    State,
    Stopped,
    last_kind,
    only_kind,
    values_at,
)
from signs_sweep.process.processor import kind_of
from signs_sweep.protocols import CheckpointStore, Claims

_MOST_LOSSES = 20
"""How often a run is started again after the loss of its node: a run may be what ends its nodes."""


@dataclass(frozen=True)
class Recovery:
    """How to resume runs that were started before, in this sweep or an earlier one.

    Attributes:
        checkpoints: where the states of runs are kept.
        claims: keep other sweeps from training the same trajectory at the same time.
        look_up: returns the result of a run in the store now, as another sweep may have trained it.
        retries: maximum restarts of a run after its process died.
        uses_checkpoints: whether to resume from checkpoints; they are made in any case.
        warn: called with a message about each damaged checkpoint.
        origin: machine and folder of this sweep.
        same_processor: whether all epochs of a run must be trained on one kind of processor.
    """

    checkpoints: CheckpointStore
    claims: Claims
    look_up: Callable[[Run], Result | None] = lambda _: None
    retries: int = 2
    uses_checkpoints: bool = True
    warn: Callable[[str], None] = lambda _: None
    origin: str = ""
    same_processor: bool = False

    def is_last(self, entry: "Underway", crash: Failed) -> bool:
        """Return whether a run is not started again after a crash."""
        if crash.is_node_lost:
            return entry.losses >= _MOST_LOSSES
        return entry.retries >= self.retries

    def kind(self, run: Run, kinds: Collection[str], own: str) -> str | None:
        """Return the kind of processor that must train a run now; None for any.

        Args:
            run: the run.
            kinds: the kinds of processors that there are.
            own: the kind that trained the epochs that are recorded; empty without such a kind.
        """
        if not self.same_processor:
            return None
        # While there is no worker at all, the run waits for the kind that it can resume on.
        possible = set(kinds) or {own, only_kind(self.checkpoints.kinds(run))} - {""}
        if own in possible:
            return own
        epochs = {kind: self.latest_epoch(run, kind) for kind in sorted(possible)}
        return max((kind for kind in epochs if epochs[kind]), key=epochs.__getitem__, default=None)

    def latest_epoch(self, run: Run, kind: str | None) -> int:
        """Return the epoch after which a run resumes on a kind of processor; 0 for its beginning.

        `kind` is what the method of that name has returned for the run.
        """
        if not self.uses_checkpoints or (self.same_processor and kind is None):
            return 0
        return self.checkpoints.latest_epoch(run, kind)

    def remark(self, run: Run, known: Result | None, kind: str | None = None) -> str | None:
        """Return why epochs of a run are trained that are already known, or None.

        Args:
            run: a run that starts now.
            known: its unfinished result in the store, or None.
            kind: the kind of processor that must train it, or None.
        """
        checkpoints, epochs = self.checkpoints, run.parameters.epochs
        if self.uses_checkpoints and (why := checkpoints.unusable(run)):
            return f"trained from its beginning: {why.value}"
        beyond = checkpoints.finished_beyond(run) if self.uses_checkpoints else 0
        start = self.latest_epoch(run, kind)
        if foreign := self.foreign(run, kind):
            return foreign
        if known is not None and known.begun_by not in (None, self.origin) and not start:
            return (
                f"{known.begun_by} has recorded {known.epochs:,} of {epochs:,} epochs, but its "
                "checkpoints are not here, so this run is trained from its beginning; with the "
                "same folder in --checkpoints, machines resume each other's runs"
            )
        if not beyond or start == epochs:
            return None
        return (
            f"a run of {beyond:,} epochs is finished, but its weights after epoch {epochs:,} were "
            f"not kept, only its curve; this run is therefore trained from epoch {start:,}"
        )

    def foreign(self, run: Run, kind: str | None) -> str | None:
        """Return a remark on a checkpoint that the run does not use, as another kind made it."""
        if not (self.same_processor and self.uses_checkpoints):
            return None
        start, latest = self.latest_epoch(run, kind), self.checkpoints.latest_epoch(run)
        if latest == start:
            return None
        kinds = self.checkpoints.kinds(run)
        names = dict.fromkeys(
            kinds.values() if 1 in kinds else ("an unknown kind", *kinds.values())
        )
        return (
            f"its checkpoint after epoch {latest:,} was trained on {' and '.join(names)}; with "
            f"--same-processor, this run is therefore trained from epoch {start:,}"
        )

    def checkpoint(self, run: Run, kind: str | None) -> bytes | None:
        """Return the content of the checkpoint that a run resumes from, or None; see `kind`."""
        if not self.uses_checkpoints or (self.same_processor and kind is None):
            return None
        return self.checkpoints.latest(run, self.warn, kind)


@dataclass(eq=False)
class Underway:
    """A run in the executor, and its progress so far.

    Attributes:
        run: the run.
        curves: its epochs.
        has_trained: whether its current process has sent epochs.
        retries: how often its process died.
        losses: how often its node was lost.
        cause: how its process died the last time, as a message.
        kind: the kind of processor that trains it; before its start, the kind that trained the
            epochs in its record, or an empty text.
        required: the kind of processor that must train it, or None.
        kinds: the kinds of processors that trained it.
    """

    run: Run
    curves: Curves = field(default_factory=Curves)
    has_trained: bool = False
    retries: int = 0
    losses: int = 0
    cause: str = ""
    kind: str = ""
    required: str | None = None
    kinds: Kinds = field(default_factory=dict)

    def add(self, progress: Progress) -> Progress | None:
        """Add epochs; return the new ones, or None."""
        self.has_trained = True
        self.kinds = progress.kinds
        return self.curves.add(progress)

    def observe(self, event: Event) -> str | None:
        """Note on which kind of processor the run is trained; return a remark if it changes."""
        if isinstance(event, Started):
            self.kind = kind_of(event.environment)
            if self.required in (None, self.kind):
                return None
            return f"trained from its beginning: its worker is {self.kind}, not {self.required}"
        if not isinstance(event, Progress) or not event.is_replay:
            return None
        last = last_kind(event.kinds)
        if last in ("", self.kind):
            return None
        return (
            f"trained on {last} until epoch {event.last_epoch:,}, from then on {self.kind}: its "
            "numbers may differ from those of a single kind of processor, to which "
            "--same-processor keeps a run"
        )

    def retry(self, crash: Failed) -> str:
        """Prepare for a new process; return the cause of death, in short if it is a repetition.

        Causes that differ only in numbers (times, addresses, process ids) count as the same.
        """
        cause = crash.message
        is_the_same = not crash.is_node_lost and _without_numbers(cause) == _without_numbers(
            self.cause
        )
        self.losses += crash.is_node_lost
        self.retries += not crash.is_node_lost
        self.has_trained = False
        self.cause = cause
        return "its worker process died again in the same way." if is_the_same else cause

    def result(self, event: Finished | Failed | Stopped) -> Result:
        """Return the result of the run, given the event that ends it."""
        history = self.curves.history()
        chosen = event.chosen_epoch if isinstance(event, Finished) else None
        metrics = values_at(history, chosen)
        kinds = event.kinds if isinstance(event, Finished) else self.kinds
        result = Result(
            *(self.run.run_id, State.KILLED, metrics, self.curves.epochs),
            history=history,
            kinds=kinds,
        )
        match event:
            case Finished():
                return replace(
                    result,
                    state=State.FINISHED,
                    metrics=metrics | dict(event.metrics),
                    seconds=event.seconds,
                    guessing_since=event.guessing_since,
                    answers={name: each.answers for name, each in event.predictions.items()},
                    diagnosis=event.diagnosis,
                    stopped_at=event.stopped_at,
                    chosen_epoch=chosen,
                )
            case Failed():
                return replace(
                    result, state=State.FAILED, message=event.message, chance=event.chance
                )
            case Stopped():
                return result


def _without_numbers(text: str) -> str:
    return re.sub(r"[0-9a-fx]*\d[0-9a-fx]*", "", text)
