"""Implementations of the protocols in memory, for tests of what uses them."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from signs_sweep.domain import (
    Checkpoint,
    Curves,
    Event,
    Failed,
    Finished,
    Kinds,
    Progress,
    Result,
    Run,
    State,
    Stopped,
    Trial,
    TrialEnd,
    Unusable,
    only_kind,
)
from signs_sweep.protocols import Findings, SweepRecord
from signs_sweep.sweep.blocks import BlockScheduler


@dataclass(eq=False)
class _Record:
    """The record of a run."""

    trial: Trial
    run: Run
    result: Result
    curves: Curves = field(default_factory=Curves)

    def seen(self) -> Result:
        """Return the result with all epochs so far."""
        history = self.curves.history()
        last = {name: float(values[-1]) for name, values in history.items()}
        metrics = last | dict(self.result.metrics)
        return replace(self.result, metrics=metrics, epochs=self.curves.epochs, history=history)


def _rank(result: Result) -> tuple[bool, bool]:
    return result.state.is_finished, result.has_diverged


class MemoryTracker:
    """Implements `Tracker` and `RunIndex` in memory; what was recorded can be looked at.

    Attributes:
        sweeps: every sweep that was opened, by experiment.
        started: trial and run of every `start`, in order.
        closed: the state of every `close`, in order.
        tables: by experiment, the table that was passed to the last `close`.
        trial_ends: how trials ended, in order, each once.
        findings: by experiment, the findings that were passed to the last `close`.
    """

    def __init__(self) -> None:
        self.sweeps: dict[str, SweepRecord] = {}
        self.started: list[tuple[Trial, Run]] = []
        self.closed: list[State] = []
        self.tables: dict[str, str] = {}
        self.trial_ends: list[TrialEnd] = []
        self.findings: dict[str, Findings] = {}
        self._records: list[_Record] = []
        self._current: dict[str, _Record] = {}

    def find(self, run_ids: Collection[str] | None = None) -> Mapping[str, Result]:
        """See `RunIndex.find`."""
        best: dict[str, Result] = {}
        for record in self._records:
            result, earlier = record.seen(), best.get(record.run.run_id)
            if earlier is None or _rank(result) >= _rank(earlier):
                best[result.run_id] = result
        return {name: best[name] for name in best if run_ids is None or name in run_ids}

    def open(self, sweeps: Sequence[SweepRecord]) -> None:
        """See `Tracker.open`."""
        self.sweeps.update({sweep.experiment: sweep for sweep in sweeps})

    def start(self, trial: Trial, run: Run, continues: str | None = None) -> None:
        """See `Tracker.start`."""
        if trial.experiment not in self.sweeps:
            raise KeyError(trial.experiment)
        self.started.append((trial, run))
        earlier = [record for record in self._records if record.result.location == continues]
        if continues is not None and earlier:
            (record,) = earlier
            record.result = replace(
                record.result, state=State.RUNNING, message=None, chance=None, diagnosis=None
            )
            if record.trial.experiment == trial.experiment:
                record.trial = trial
        else:
            location = f"memory/{len(self._records) + 1}"
            record = _Record(trial, run, Result(run.run_id, State.RUNNING, location=location))
            self._records.append(record)
        self._current[run.run_id] = record

    def record(self, event: Event) -> None:
        """See `Tracker.record`."""
        record = self._current[event.run_id]
        if record.result.state.has_ended:
            return
        match event:
            case Progress():
                record.curves.add(event)
            case Finished():
                record.result = replace(
                    record.result,
                    state=State.FINISHED,
                    metrics=dict(event.metrics),
                    seconds=event.seconds,
                    guessing_since=event.guessing_since,
                    diagnosis=event.diagnosis,
                )
            case Failed():
                record.result = replace(
                    record.result, state=State.FAILED, message=event.message, chance=event.chance
                )
            case Stopped():
                record.result = replace(record.result, state=State.KILLED)

    def then(self, job: Callable[[], None]) -> None:
        """See `Tracker.then`."""
        job()

    def end_trial(self, end: TrialEnd) -> None:
        """See `Tracker.end_trial`."""
        sweep = self.sweeps.get(end.trial.experiment)
        if sweep is not None and sweep.is_search and end not in self.trial_ends:
            self.trial_ends.append(end)

    def close(
        self,
        state: State,
        tables: Mapping[str, str],
        findings: Mapping[str, Findings] | None = None,
    ) -> None:
        """See `Tracker.close`."""
        for record in self._current.values():
            if not record.result.state.has_ended:
                record.result = replace(record.result, state=State.KILLED)
        self._current.clear()
        self.closed.append(state)
        self.tables = dict(tables)
        self.findings = dict(findings or {})


class MemoryCheckpoints:
    """Implements `CheckpointStore` in memory."""

    def __init__(self) -> None:
        self._kept: dict[str, dict[tuple[int, str | None], Checkpoint]] = {}

    def keep(self, run: Run, checkpoint: Checkpoint) -> None:
        """See `CheckpointStore.keep`."""
        rule = run.early_stopping
        place = (checkpoint.epoch, rule and rule.state_key)
        self._kept.setdefault(run.trajectory_id, {})[place] = checkpoint

    def _usable(self, run: Run) -> list[Checkpoint]:
        rule = run.early_stopping
        return [
            checkpoint
            for (_, key), checkpoint in self._kept.get(run.trajectory_id, {}).items()
            if rule is None
            or (key == rule.state_key and (checkpoint.least_patience or 0) <= rule.patience)
        ]

    def _up_to_end(self, run: Run, kind: str | None = None) -> list[Checkpoint]:
        known = [each for each in self._usable(run) if each.epoch <= run.parameters.epochs]
        known = [each for each in known if kind in (None, only_kind(each.kinds))]
        return sorted(known, key=lambda each: each.epoch)

    def latest(
        self, run: Run, warn: Callable[[str], None] = lambda _: None, kind: str | None = None
    ) -> bytes | None:
        """See `CheckpointStore.latest`."""
        return next((each.content for each in reversed(self._up_to_end(run, kind))), None)

    def latest_epoch(self, run: Run, kind: str | None = None) -> int:
        """See `CheckpointStore.latest_epoch`."""
        return max((each.epoch for each in self._up_to_end(run, kind)), default=0)

    def kinds(self, run: Run) -> Kinds:
        """See `CheckpointStore.kinds`."""
        return next((each.kinds for each in reversed(self._up_to_end(run))), {})

    def finished_beyond(self, run: Run) -> int:
        """See `CheckpointStore.finished_beyond`."""
        ends = [each.epoch for each in self._usable(run) if each.is_end]
        return min((epoch for epoch in ends if epoch > run.parameters.epochs), default=0)

    def unusable(self, run: Run) -> Unusable | None:
        """See `CheckpointStore.unusable`."""
        kept, rule = self._kept.get(run.trajectory_id), run.early_stopping
        if not kept or rule is None or self._usable(run):
            return None
        has_best = rule.state_key in {key for _, key in kept}
        return Unusable.IS_LATER if has_best else Unusable.LACKS_BEST


class NoClaims:
    """Implements `Claims` for a single sweep, without locks."""

    def __init__(self) -> None:
        self._held: set[str] = set()

    def take(self, trajectory: str) -> bool:
        """See `Claims.take`."""
        is_free = trajectory not in self._held
        self._held.add(trajectory)
        return is_free

    def release(self, trajectory: str) -> None:
        """See `Claims.release`."""
        self._held.remove(trajectory)


class FixedScheduler(BlockScheduler):
    """Hands out trials in order, each once, and stops no run."""

    def __init__(self, trials: Iterable[Trial]) -> None:
        block = iter([list(trials)])
        super().__init__(lambda _: next(block, ()))
