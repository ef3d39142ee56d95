"""The sweep loop: trials in, results out.

It depends on the protocols and on no implementation. It asks the scheduler for a trial whenever the
executor has a free slot, passes every event to the tracker and the listener, and informs the
scheduler when all runs of a trial have ended. Epochs that a process repeats are dropped here, so
that scheduler, tracker and listener receive each epoch once.
"""

import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace

from signs_sweep.domain import (
    Checkpoint,
    Event,
    Failed,
    Finished,
    News,
    Notice,
    Progress,
    Proposed,
    Result,
    Retried,
    Run,
    State,
    Stopped,
    Trial,
    Waiting,
    only_kind,
)
from signs_sweep.errors import ClusterError
from signs_sweep.protocols import Executor, Scheduler, Tracker
from signs_sweep.sweep.recovery import Recovery, Underway

_POLL_SECONDS = 0.2
"""How long to wait for events: how often the terminal is updated when nothing happens."""

_GRACE_SECONDS = 2.5
"""How long runs may take to make a last checkpoint after an interruption.

The request reaches them within half a second; a checkpoint of 100 MB takes about a second.
"""

_AGAIN = "Run the same command again to resume this run; finished runs are kept."

Listener = Callable[[News | None], None]
"""Called with every event after the tracker was, and with None if there was none for a while.

A Notice may come from another thread.
"""


@dataclass(eq=False)
class _Open:
    """A trial that was handed out and has not ended.

    Attributes:
        trial: the trial.
        ended: by run_id, results of the runs that have ended.
    """

    trial: Trial
    ended: dict[str, Result] = field(default_factory=dict)


class Sweep:
    """One pass over the trials of a scheduler.

    Attributes:
        results: by run_id, how each run ended; filled during the sweep, so that it can be read
            after an interruption.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        executor: Executor,
        tracker: Tracker,
        known: Mapping[str, Result],
        listener: Listener,
        recovery: Recovery,
    ) -> None:
        """Prepare a sweep without starting anything.

        The caller opens and closes the tracker, and closes the executor. `known` are results of
        runs that need no training, by run_id.
        """
        self._recovery = recovery
        self._scheduler = scheduler
        self._executor = executor
        self._tracker = tracker
        self._known = known
        self._listener = listener
        self._waiting: deque[Run] = deque()
        self._underway: dict[str, Underway] = {}
        self._owners: dict[str, list[_Open]] = {}
        """By run_id, the trials that want a run, in the order in which they were handed out."""
        self._stopping: dict[str, list[_Open]] = {}
        """By run_id, the trials for which a run is being stopped."""
        self._reported_waiting: set[str] = set()
        self._claimed: set[str] = set()
        """Trajectories that this sweep has claimed."""
        self._is_interrupted = False
        self.results: dict[str, Result] = {}

    def run(self) -> None:
        """Train until the scheduler has no more trials.

        Raises:
            KeyboardInterrupt: `interrupt` was called; the runs in progress are recorded as stopped,
                but not passed to the scheduler: their trials have not ended.
        """
        self._fill()
        while not self._is_over:
            self._step()

    @property
    def _is_over(self) -> bool:
        return not (self._underway or self._waiting or self._is_interrupted)

    def _step(self) -> None:
        """Process new events, and start runs in free slots."""
        if self._is_interrupted:
            self._break_off()
        if not self._underway:  # All waiting runs wait for another sweep.
            time.sleep(_POLL_SECONDS)
        self._receive(_POLL_SECONDS)
        self._fill()

    def interrupt(self) -> None:
        """Interrupt the sweep after the current event. May be called from a signal handler."""
        if self._is_interrupted:
            raise KeyboardInterrupt
        self._is_interrupted = True

    def _receive(self, timeout: float) -> None:
        events = self._executor.events(timeout)
        for event in events:
            if remark := self._underway[event.run_id].observe(event):
                self._listener(Notice(remark, event.run_id))
            self._handle(event)
        if not events:
            self._listener(None)

    def _break_off(self) -> None:
        """Stop every run after a last checkpoint, and raise KeyboardInterrupt.

        A run without an epoch yet, because its worker is importing or compiling, has nothing to
        keep and is ended immediately, as is a run that has not stopped within `_GRACE_SECONDS`.
        """
        for run_id in self._underway:
            self._executor.stop(run_id)
        deadline = time.monotonic() + _GRACE_SECONDS
        with suppress(ClusterError):  # The sweep ends all the same.
            while time.monotonic() < deadline and any(
                entry.has_trained for entry in self._underway.values()
            ):
                self._receive(_POLL_SECONDS)
        self._executor.close()
        for run_id in list(self._underway):
            self._handle(Stopped(run_id, time.time()))
        raise KeyboardInterrupt

    def _fill(self) -> None:
        """Start a run in every free slot of the executor; none after an interruption.

        Without any slot, runs are queued and not claimed: another sweep may train them meanwhile.
        """
        is_idle = not (self._executor.slots or self._underway)
        while is_idle and not self._is_interrupted:
            if not (self._waiting or self._take_trial()):
                return
            if self._waiting and not self._was_trained_elsewhere(self._waiting[0]):
                return
        while len(self._underway) < self._executor.slots and not self._is_interrupted:
            run = self._next()
            if run is None:
                return
            known = self._recovery.look_up(run)
            if known is not None and self._suffices(known, run.run_id):
                self._recovery.claims.release(run.trajectory_id)
                self._end(run.run_id, known)
                if self._is_interrupted:
                    return
                continue
            trial = self._owners[run.run_id][0].trial
            entry = Underway(run, kind=only_kind(known.kinds) if known else "")
            self._require_kind(entry)
            # A record with epochs of another kind is not continued.
            is_foreign = self._recovery.same_processor and entry.required != entry.kind
            is_new = known is None or (is_foreign and known.epochs > 0)
            record = None if known is None or is_new else known.location
            if remark := self._recovery.remark(run, known, entry.required):
                self._listener(Notice(remark, run.run_id))
            self._claimed.add(run.trajectory_id)
            self._tracker.start(trial, run, record)
            self._underway[run.run_id] = entry
            self._submit(entry)

    def _was_trained_elsewhere(self, run: Run) -> bool:
        """End a run that waits, if another sweep has trained it."""
        known = self._recovery.look_up(run)
        if known is None or not self._suffices(known, run.run_id):
            return False
        self._waiting.remove(run)
        self._end(run.run_id, known)
        return True

    def _require_kind(self, entry: Underway) -> None:
        kinds = self._executor.kinds
        entry.required = self._recovery.kind(entry.run, kinds, entry.kind)

    def _submit(self, entry: Underway) -> None:
        kind = entry.required
        checkpoint = self._recovery.checkpoint(entry.run, kind)
        is_tested = self._is_tested(entry.run.run_id)
        self._executor.submit(entry.run, checkpoint, is_tested=is_tested, kind=kind)

    def _is_tested(self, run_id: str) -> bool:
        """Whether any of its trials requires a run to be evaluated on the test set at its end.

        A run that was trained but not tested is then tested without being trained again.
        """
        opened = [*self._owners.get(run_id, ()), *self._stopping.get(run_id, ())]
        return any(entry.trial.purpose.is_tested for entry in opened)

    def _suffices(self, known: Result, run_id: str) -> bool:
        """Whether a known result leaves nothing to do for a run."""
        return known.is_settled or (known.state.is_finished and not self._is_tested(run_id))

    def _next(self) -> Run | None:
        """Return the next run whose trajectory could be claimed.

        A run waits while another run trains the same trajectory, in this sweep or another, and
        resumes where that run ends.
        """
        while not self._is_interrupted:
            for run in self._waiting:
                if self._is_interrupted:
                    return None
                if self._recovery.claims.take(run.trajectory_id):
                    self._waiting.remove(run)
                    return run
            if self._is_about_to_be_free() or not self._take_trial():
                self._report_waiting()
                break
        return None

    def _is_about_to_be_free(self) -> bool:
        """Whether a run waits for the record of this sweep's previous run on its trajectory.

        With a single slot, the next trial is asked for only after the previous one has ended,
        however slow the store is, so that repeating a search proposes the same points.
        """
        return self._executor.slots == 1 and any(
            run.trajectory_id in self._claimed for run in self._waiting
        )

    def _report_waiting(self) -> None:
        """Notify the listener, once for each run, that another sweep is training it."""
        for run in self._waiting:
            if run.trajectory_id not in self._claimed and run.run_id not in self._reported_waiting:
                self._reported_waiting.add(run.run_id)
                self._listener(Waiting(run.run_id))

    def _take_trial(self) -> bool:
        """Ask for a trial and queue the runs that may start; return False if there is no trial."""
        trial = self._scheduler.ask()
        if trial is None:
            return False
        self._listener(Proposed(trial))
        opened = _Open(trial)
        first = trial.runs[:1] if trial.is_sequential else trial.runs
        for result in [self._queue(opened, run) for run in first]:
            if result is not None:
                self._end_run(opened, result)
        return True

    def _queue(self, opened: _Open, run: Run) -> Result | None:
        """Queue a run of a trial, or return its result if it needs no training.

        A run that several trials share is trained once, for the first of them.
        """
        result = self._known.get(run.run_id) or self.results.get(run.run_id)
        if result is not None and result.state is not State.KILLED:
            self.results[run.run_id] = result
            return result
        # A run that was stopped for an earlier trial, or is being stopped, is resumed.
        owners = self._owners.setdefault(run.run_id, [])
        owners.append(opened)
        if len(owners) == 1:
            self._waiting.append(run)
        elif run.run_id in self._underway and run.run_id not in self._stopping:
            curves = self._underway[run.run_id].curves
            if curves.epochs:  # The trial has just joined a run in progress.
                self._scheduler.report(opened.trial, curves.joined())
        return None

    def _handle(self, event: Event) -> None:
        entry = self._underway[event.run_id]
        if isinstance(event, Checkpoint):
            self._recovery.checkpoints.keep(entry.run, event)
            return
        if isinstance(event, Failed) and event.is_crash:
            is_last = self._recovery.is_last(entry, event)
            if event.run_id in self._stopping or (self._is_interrupted and not is_last):
                event = Stopped(event.run_id, event.time)
            elif is_last:
                event = replace(event, message=f"{event.message} {_AGAIN}")
            else:
                self._retry(entry, event)
                return
        if isinstance(event, Progress):
            new = entry.add(event)
            if new is None:
                return
            event = new
        self._tracker.record(event)
        self._listener(event)
        if isinstance(event, Progress):
            # Reported to every trial that shares the run; it continues if any of them wants it.
            owners = [] if event.run_id in self._stopping else self._owners[event.run_id]
            wanted = [self._scheduler.report(opened.trial, event) for opened in owners]
            if owners and not any(wanted):
                self._stop(event.run_id)
        elif isinstance(event, Finished | Failed | Stopped):
            del self._underway[event.run_id]
            self._release(entry.run.trajectory_id)
            self._end(event.run_id, entry.result(event))

    def _release(self, trajectory: str) -> None:
        """Release the claim on a trajectory, once other sweeps can find its result in the store."""

        def release() -> None:
            self._claimed.discard(trajectory)
            self._recovery.claims.release(trajectory)

        self._tracker.then(release)

    def _end(self, run_id: str, result: Result) -> None:
        """Process the end of a run, in this sweep or another.

        A stopped run has ended only for the trials it was stopped for. Any other trial that wants
        it gets it later, in this sweep or, after an interruption, in the next one.
        """
        self.results[run_id] = result
        owners = self._stopping.pop(run_id, [])
        if result.state is not State.KILLED:
            owners += self._owners.pop(run_id, [])
            self._waiting = deque(run for run in self._waiting if run.run_id != run_id)
        for opened in owners:
            self._end_run(opened, result)

    def _end_run(self, opened: _Open, result: Result) -> None:
        """Pass on the end of a run of a trial, and the end of the trial if it was the last run.

        The next run of a sequential trial is queued; if it has ended before, it is passed on too.
        """
        trial, ended = opened.trial, opened.ended
        last: Result | None = result
        while last is not None:
            ended[last.run_id] = last
            if not self._scheduler.end(trial, last):
                self._drop_rest(opened)
            has_next = trial.is_sequential and len(ended) < len(trial.runs)
            last = self._queue(opened, trial.runs[len(ended)]) if has_next else None
        if len(opened.ended) == len(trial.runs):
            end = self._scheduler.tell(trial, [opened.ended[run.run_id] for run in trial.runs])
            self._tracker.end_trial(end)
            self._listener(end)

    def _drop_rest(self, opened: _Open) -> None:
        """Drop the runs of a trial that have not ended and that no other trial wants."""
        if opened.trial.is_sequential:  # The others were not queued.
            rest = opened.trial.run_ids[len(opened.ended) :]
            opened.ended |= {run_id: Result(run_id, State.KILLED) for run_id in rest}
            return
        for run in opened.trial.runs:
            if self._owners.get(run.run_id) != [opened]:
                continue
            if run in self._waiting:
                self._waiting.remove(run)
                del self._owners[run.run_id]
                result = Result(run.run_id, State.KILLED)
                self.results[run.run_id] = opened.ended[run.run_id] = result
            else:
                self._stop(run.run_id)

    def _stop(self, run_id: str) -> None:
        """Stop a run that no trial wants any longer."""
        self._stopping[run_id] = self._owners.pop(run_id)
        self._executor.stop(run_id)

    def _retry(self, entry: Underway, crash: Failed) -> None:
        """Resume a run whose process died, in a new process, from its last checkpoint."""
        run = entry.run
        cause = entry.retry(crash)
        self._require_kind(entry)
        if remark := self._recovery.foreign(run, entry.required):
            self._listener(Notice(remark, run.run_id))
        epoch = self._recovery.latest_epoch(run, entry.required)
        event = Retried(run.run_id, crash.time, cause, epoch)
        self._tracker.record(event)
        self._listener(event)
        self._submit(entry)
