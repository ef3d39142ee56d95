"""What a store refuses, while it accepts everything else."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from events import finished, progress, started
from fakes import MemoryTracker
from signs_sweep.domain import Dense, Parameters, Progress, Run, State
from signs_sweep.errors import DeletedError, DeniedError, RefusedError, StoreError
from signs_sweep.protocols import SweepRecord
from signs_sweep.tracking import DatasetInfo, Journal, Outbox, finish_journal
from trials import ended, searched

EPOCHS = 5
RUNS = [Run(Parameters(epochs=EPOCHS, l2=l2), Dense((4,)), 0.0, "data") for l2 in (0.0, 0.1, 0.2)]
TRIALS = [searched(number, run) for number, run in enumerate(RUNS)]
ENDS = [ended(trial) for trial in TRIALS]
SWEEP = SweepRecord("toy", "", "name: toy\n", "", "toy", "one", "here", is_search=True)
DATASET = DatasetInfo("toy", ("a", "b"), np.zeros((1, 2, 2, 3), np.uint8), drawn=True)
REFUSED = RUNS[1].run_id


class Refusing(MemoryTracker):
    """Raises an error for the calls that a condition names, and counts them."""

    condition: Callable[[str, Any], bool]

    def __init__(self) -> None:
        super().__init__()
        self.condition = lambda *_: False
        self.error: StoreError = RefusedError("this value is too long.")
        self.attempts = 0

    def __getattribute__(self, name: str) -> Any:
        method = super().__getattribute__(name)
        if name not in ("open", "start", "record", "end_trial", "close"):
            return method

        def call(*arguments: Any) -> None:
            if self.condition(name, arguments):
                self.attempts += 1
                raise self.error
            method(*arguments)

        return call


def about(run_id: str, call: tuple[str, tuple[Any, ...]]) -> bool:
    name, arguments = call
    if name == "start":
        return arguments[1].run_id == run_id
    return name == "record" and arguments[0].run_id == run_id


def are_equal(call: tuple[str, tuple[Any, ...]], other: tuple[str, tuple[Any, ...]]) -> bool:
    """Whether a call is for the same run and of the same kind, or has the same epoch."""
    (name, (first, *_)), (other_name, (other_first, *_)) = call, other
    if name != other_name or type(first) is not type(other_first) or not about(REFUSED, call):
        return False
    if not isinstance(first, Progress):
        return True
    return first.first_epoch <= other_first.first_epoch < first.first_epoch + len(first.times)


def calls() -> list[tuple[str, tuple[Any, ...]]]:
    """Return the calls of a sweep that trains three runs at the same time."""
    made: list[tuple[str, tuple[Any, ...]]] = []
    for trial, run in zip(TRIALS, RUNS, strict=True):
        made += [("start", (trial, run)), ("record", (started(run),))]
    for epoch in range(1, EPOCHS + 1):
        made += [("record", (progress(run, epoch),)) for run in RUNS]
    for run, end in zip(RUNS, ENDS, strict=True):
        made += [("record", (finished(run),)), ("end_trial", (end,))]
    return made


CALLS = calls()
OF_THE_RUN = [number for number, call in enumerate(CALLS) if about(REFUSED, call)]


class Story:
    """A sweep through an outbox, each of whose calls is settled before the next."""

    def __init__(self, folder: Path, **seconds: float) -> None:
        self.store = Refusing()
        self.messages: list[str] = []
        self.journal = Journal(folder / "one.jsonl")
        self.tracker = Outbox(
            *(self.store, self.store, self.journal, {"data": DATASET}, self.messages.append),
            **({"retry_seconds": 1000, "patience_seconds": 600} | seconds),
        )
        self.tracker.open([SWEEP])

    def tell(self, first: int = 0, last: int = len(CALLS)) -> None:
        for name, arguments in CALLS[first:last]:
            getattr(self.tracker, name)(*arguments)

    def settle(self) -> None:
        """Wait until every call is in the store or in a journal."""
        with self.tracker._changed:
            self.tracker._changed.wait_for(
                lambda: not self.tracker._waiting and self.tracker._current is None, 600
            )

    def close(self) -> None:
        self.tracker.close(State.FINISHED, {"toy": "table"})

    def check(self, *runs: Run) -> None:
        """Check that exactly these runs are complete in the store."""
        found = self.store.find()
        complete = {run_id for run_id, each in found.items() if each.state is State.FINISHED}
        assert complete == {run.run_id for run in runs}
        for run in runs:
            history = found[run.run_id].history
            assert history is not None
            assert history["loss"].tolist() == [1 / epoch for epoch in range(1, EPOCHS + 1)]
        assert self.store.closed[-1] is State.FINISHED
        assert self.store.tables == {"toy": "table"}

    def repeat(self) -> None:
        """Do as the message says: rename the file and start another command."""
        self.journal.refused.path.rename(self.journal.path)
        assert not finish_journal(self.journal, lambda _: self.store, self.store)


@pytest.mark.parametrize("is_away", [False, True])
@pytest.mark.parametrize("position", OF_THE_RUN)
def test_a_refused_run_is_set_aside_whole_and_all_others_are_written(
    tmp_path: Path, position: int, *, is_away: bool
) -> None:
    """Also if the store is away when the refused call is made, and answers at the end."""
    story = Story(tmp_path)
    story.store.condition = lambda *call: are_equal(call, CALLS[position])
    if is_away:
        story.settle()
        condition, refusal = story.store.condition, story.store.error
        story.store.condition, story.store.error = lambda *_: True, StoreError("it is away")
        story.tell()
        story.settle()
        assert story.tracker.is_away
        story.store.condition, story.store.error = condition, refusal
    else:
        story.tell()
    story.close()
    story.check(RUNS[0], RUNS[2])
    assert [end.trial.number for end in story.store.trial_ends] == [0, 1, 2]
    assert not story.journal.path.exists()
    assert REFUSED in story.tracker.unwritten
    assert str(story.journal.refused.path) in story.tracker.unwritten
    (message,) = [each for each in story.messages if "too long" in each]
    assert message.startswith(f"{REFUSED}: this value is too long. ")
    story.store.condition = lambda *_: False
    story.repeat()
    story.check(*RUNS)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("position", OF_THE_RUN)
def test_a_run_whose_record_was_deleted_is_dropped_with_one_message(
    tmp_path: Path, position: int
) -> None:
    story = Story(tmp_path)
    story.store.error = DeletedError("its record was deleted")
    story.tell(0, position)
    story.settle()
    story.store.condition = lambda *call: about(REFUSED, call)
    story.tell(position)
    story.close()
    story.check(RUNS[0], RUNS[2])
    assert story.store.attempts == 1
    assert story.tracker.unwritten is None
    (message,) = story.messages
    assert message.startswith(f"{REFUSED}: its record was deleted, as by another sweep")
    assert not list(tmp_path.iterdir())


def test_a_store_that_refuses_the_user_is_asked_seldom_and_not_waited_for(tmp_path: Path) -> None:
    story = Story(tmp_path, retry_seconds=100)
    story.tell(0, 8)
    story.settle()
    story.store.error = DeniedError("the token has expired")
    story.store.condition = lambda *_: True
    story.tell(8)
    story.settle()
    assert story.store.attempts == 1
    story.close()  # Does not wait for 600 s.
    assert story.store.attempts == 2, "the end tries once more"
    (message,) = story.messages
    assert message.startswith("the token has expired. Training continues; ")
    assert "until that is put right" in message
    assert str(story.journal.path) in story.tracker.unwritten
    with pytest.raises(DeniedError):
        finish_journal(story.journal, lambda _: story.store, story.store)
    story.store.condition = lambda *_: False
    assert not finish_journal(story.journal, lambda _: story.store, story.store)
    story.check(*RUNS)


def test_the_end_of_the_sweep_may_be_refused(tmp_path: Path) -> None:
    """As when its record was deleted in MLflow."""
    story = Story(tmp_path)
    story.store.condition = lambda name, _: name == "close"
    story.tell()
    story.close()
    assert story.store.closed == []
    assert "refuses the records of the sweep" in story.tracker.unwritten
    story.store.condition = lambda *_: False
    story.repeat()
    story.check(*RUNS)


def test_an_interruption_leaves_the_calls_of_a_refused_run_where_the_others_of_it_are(
    tmp_path: Path,
) -> None:
    story = Story(tmp_path)
    story.store.condition = lambda *call: about(REFUSED, call)
    story.tell(0, 12)
    story.settle()
    with story.tracker._moving:  # The writer gets no further.
        story.tell(12)
        story.tracker._put(("close", (State.KILLED, {"toy": "table"}, None)))
        story.tracker._keep(list(story.tracker._waiting))
        story.tracker._waiting.clear()
        story.tracker._is_left = True
    with story.tracker._changed:
        story.tracker._changed.notify_all()
    assert [call for call in story.journal.read() if about(REFUSED, call)] == []
    assert sum(about(REFUSED, call) for call in story.journal.refused.read()) == len(OF_THE_RUN)
    assert not finish_journal(story.journal, lambda _: story.store, story.store)
    assert len([each for each in story.store.find().values() if each.state.is_finished]) == 2
    story.store.condition = lambda *_: False
    story.repeat()
    assert len([each for each in story.store.find().values() if each.state.is_finished]) == 3


@pytest.mark.parametrize("what", ["run", "open"])
def test_the_next_command_sets_aside_what_is_refused_again_and_goes_on(
    tmp_path: Path, what: str
) -> None:
    story = Story(tmp_path, patience_seconds=0)
    story.settle()
    story.store.error = StoreError("it is away")
    story.store.condition = lambda *_: True
    story.tell()
    story.close()
    story.store.error = RefusedError("the experiment was deleted")
    story.store.condition = lambda *call: (
        call[0] == "open" if what == "open" else about(REFUSED, call)
    )
    reasons = finish_journal(story.journal, lambda _: story.store, story.store)
    assert [str(reason) for reason in reasons.values()] == ["the experiment was deleted"]
    assert not story.journal.path.exists()
    if what == "run":
        story.check(RUNS[0], RUNS[2])
    story.store.condition = lambda *_: False
    story.repeat()
    story.check(*RUNS)


def test_of_many_refusals_only_the_first_have_a_message(tmp_path: Path) -> None:
    story = Story(tmp_path)
    story.store.condition = lambda name, _: name == "start"
    for number in range(20):
        run = Run(Parameters(epochs=3, init_seed=number), Dense((4,)), 0.0, "data")
        story.tracker.start(searched(number, run), run)
    story.close()
    assert len(story.messages) == 5
    assert story.tracker.unwritten.partition("They are kept")[0].count("-3") == 5
    assert " and 15 more. " in story.tracker.unwritten
