"""Calls of a tracker kept in a file."""

from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from events import finished
from fakes import MemoryTracker
from signs_sweep.data import Fit, Preparation
from signs_sweep.domain import (
    Built,
    Checkpoint,
    Condition,
    Dense,
    Diagnosis,
    Event,
    Failed,
    Finished,
    Parameters,
    Predictions,
    Progress,
    Retried,
    Run,
    Started,
    State,
    Stopped,
    TrialState,
    Waiting,
)
from signs_sweep.errors import StoreError
from signs_sweep.protocols import Findings, SweepRecord
from signs_sweep.tracking import (
    DatasetInfo,
    Journal,
    finish_journal,
)
from signs_sweep.tracking.journal import replay
from trials import ended, make_trial, searched

SWEEP = SweepRecord("toy", "", "name: toy\n", "", "toy", "one", "here")
RUNS = [Run(Parameters(epochs=3, l2=l2), Dense((4,)), 0.0, "data") for l2 in (0.0, 0.1)]
TRIALS = [searched(number, run, l2=run.parameters.l2) for number, run in enumerate(RUNS, 1)]
SEARCH = replace(SWEEP, is_search=True)
ENDS = [ended(trial) for trial in TRIALS]
END = ENDS[0]
FINDINGS = Findings(
    "It *did* help.", {"a.png": b"\xffpng"}, choices={"l2": 0.0}, metrics={"best_value": 0.5}
)
DATASET = DatasetInfo("toy", ("a", "b"), np.zeros((1, 2, 2, 3), np.uint8), drawn=True)


def test_a_journal_without_a_complete_line_is_removed(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "one.jsonl")
    journal.path.write_bytes(b'["open", [[')
    finish_journal(journal, lambda _: pytest.fail("there is nothing to write"), MemoryTracker())
    assert not journal.path.exists()


def test_a_journal_gives_back_every_kind_of_record(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "one.jsonl")
    built = Run(
        Parameters(), Built("networks:cnn", (("units", (1, 2)), ("rate", 0.5)), "f"), 0.2, "d"
    )
    test = Predictions(np.array([0, 1]), np.array([1, 0]), np.array([[0.1, 0.9]] * 2, np.float32))
    calls = [
        ("open", ((SWEEP,), {"data": DATASET})),
        ("start", (make_trial(built, RUNS[0], number=2, label="m3"), built, None)),
        ("record", (Started("r", 1, 2.5, {"python": "3"}),)),
        ("record", (Progress("r", 1, {"loss": np.array([np.nan, np.inf])}, np.array([5, 6])),)),
        ("record", (replace(finished(RUNS[0]), predictions={"test": test}),)),
        ("record", (Failed("r", 1.0, "why", "where", is_crash=True, chance=1 / 3),)),
        ("record", (Stopped("r", 1.0),)),
        ("close", (State.KILLED, {"toy": "a,b\n"}, None)),
        ("end_trial", (END,)),
        ("end_trial", (replace(END, state=TrialState.PRUNED, value=None, values={}),)),
        ("close", (State.FINISHED, {}, {"toy": FINDINGS})),
    ]
    journal.append(*calls[:3])
    journal.append(*calls[3:])
    read = journal.read()
    assert [name for name, _ in read] == [name for name, _ in calls]
    assert read[1] == calls[1]
    assert read[1][1][1].run_id == built.run_id
    compared = (2, 5, 6, 7, 8, 9, 10)
    assert [read[n][1] for n in compared] == [calls[n][1] for n in compared]
    (progress,) = read[3][1]
    assert np.isnan(progress.metrics["loss"][0])
    assert progress.metrics["loss"][1] == np.inf
    assert progress.times.tolist() == [5, 6]
    assert progress.last_epoch == 2
    (end,) = read[4][1]
    assert end.model == b"\x00model"
    assert end.confusion.dtype == np.int64
    assert end.confusion.tolist() == [[3, 1], [2, 4]]
    assert end.predictions["test"].images.tolist() == [0, 1]
    assert end.predictions["test"].labels.tolist() == [1, 0]
    assert end.predictions["test"].probabilities.dtype == np.float32
    assert np.array_equal(end.predictions["test"].probabilities, test.probabilities)


def test_a_journal_keeps_what_the_model_needs(tmp_path: Path) -> None:
    """The rule for unfamiliar images is fitted then, since the process may end."""
    journal = Journal(tmp_path / "one.jsonl")
    how = Preparation(2, 2, 3, Fit.LETTERBOX)
    dataset = replace(DATASET, preparation=how, novelty=lambda: b"a rule")
    journal.append(("open", ((SWEEP,), {"data": dataset})))
    ((_, (_, datasets)),) = journal.read()
    assert (datasets["data"].preparation, datasets["data"].novelty_bytes) == (how, b"a rule")


@pytest.mark.parametrize("content", ['{"no": 1}\n', "nonsense\n", '["record", [{"Popen": []}]]\n'])
def test_a_file_that_is_not_a_journal_is_an_error_that_names_it(
    tmp_path: Path, content: str
) -> None:
    journal = Journal(tmp_path / "one.jsonl")
    journal.path.write_text(content)
    with pytest.raises(StoreError, match=r"cannot read .*one\.jsonl, which holds"):
        journal.read()


def test_everything_that_a_tracker_records_can_wait_in_a_journal(tmp_path: Path) -> None:
    """A type that the journal does not know would end the sweep."""
    samples = {
        Started: Started("r", 0, 1.0, {}),
        Progress: Progress("r", 1, {"loss": np.ones(1)}, np.ones(1, dtype=np.int64)),
        Finished: Finished(
            *("r", 1.0, 1.0, {}, None, b"", 3), diagnosis=Diagnosis(Condition.COLLAPSED, 3, 0.1)
        ),
        Failed: Failed("r", 1.0, "why"),
        Retried: Retried("r", 1.0, "it died", 4),
        Waiting: Waiting("r"),
        Stopped: Stopped("r", 1.0),
    }
    assert set(samples) == set(get_args(Event)) - {Checkpoint}
    journal = Journal(tmp_path / "one.jsonl")
    journal.append(*[("record", (event,)) for event in samples.values()])
    assert [type(arguments[0]) for _, arguments in journal.read()] == list(samples)


def test_a_record_without_its_start_is_skipped() -> None:
    replay([("record", (Stopped("r", 1.0),))], MemoryTracker(), None)
