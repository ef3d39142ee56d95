"""Live and plain progress, fed by hand."""

from types import SimpleNamespace

import pytest

from events import failed, finished, progress, started, stopped
from signs_sweep.cli.headlines import EpochCount
from signs_sweep.cli.pace import Pace
from signs_sweep.cli.progress import LiveProgress, PlainProgress
from signs_sweep.domain import Dense, Parameters, Progress, Proposed, Run
from trials import make_trial

RUNS = [Run(Parameters(epochs=10, l2=l2), Dense((2,)), 0.0, "data") for l2 in (0.0, 0.1)]
A, B = (run.run_id for run in RUNS)
PROPOSED = [Proposed(make_trial(run, title=f"l2={run.parameters.text('l2')}")) for run in RUNS]


def plain(*, is_prefixed: bool = False) -> PlainProgress:
    watcher = PlainProgress(EpochCount(20), is_prefixed=is_prefixed)
    for proposed in PROPOSED:
        watcher.hear(proposed)
    return watcher


def live(workers: int) -> LiveProgress:
    watcher = LiveProgress(EpochCount(20), workers, is_prefixed=False)
    for proposed in PROPOSED:
        watcher.hear(proposed)
    return watcher


def epochs(run_id: str, first: int, count: int) -> Progress:
    return progress(run_id, first, loss=[0.5] * count, accuracy=[0.75] * count)


def test_the_pace_is_unknown_at_first_and_then_an_average_of_late() -> None:
    pace = Pace()
    assert pace.rate is None
    pace.add(10, now=100.0)
    assert pace.rate is None
    for second in range(1, 100):
        pace.add(4, now=100.0 + second)
    assert pace.rate == pytest.approx(4)
    assert pace.done == 10 + 99 * 4


def test_plain_progress_says_each_event_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    watcher = plain()
    watcher.hear(started(A, 0))
    watcher.hear(epochs(A, 1, 2))
    watcher.hear(None)
    watcher.hear(finished(A, final_train_accuracy=0.9, test_accuracy=0.8))
    watcher.hear(failed(B, "diverged"))
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "l2=0: started by worker 1",
        "l2=0: finished in 8.5 s  train accuracy 0.9000  test accuracy 0.8000",
        "l2=0.1: failed: diverged",
    ]


def test_plain_progress_shows_epochs_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = iter([0.0, 1.0, 20.0, 21.0])
    watcher = plain()
    monkeypatch.setattr("signs_sweep.cli.headlines.time.monotonic", lambda: 0.0)
    monkeypatch.setattr("signs_sweep.cli.pace.time", SimpleNamespace(monotonic=lambda: next(now)))
    watcher.hear(started(A, 0))
    for first in (1, 3, 5):
        watcher.hear(epochs(A, first, 2))
    lines = capsys.readouterr().err.splitlines()
    assert lines[1:] == ["l2=0: epoch 4 of 10  loss 0.5000  accuracy 0.7500  0.2/s"]


def test_live_progress_shows_a_bar_and_a_line_per_worker(
    capsys: pytest.CaptureFixture[str],
) -> None:
    from rich.console import Console

    watcher = live(2)
    watcher.hear(started(A, 1))
    watcher.hear(epochs(A, 1, 4))
    watcher.hear(None)
    console = Console(width=120, force_terminal=False)
    console.print(watcher._view.draw())
    text = capsys.readouterr().out
    assert "4 / 20 epochs" in text
    assert "waiting" in text
    assert "epoch 4 / 10  loss 0.5000  accuracy 0.7500" in text
    watcher.hear(stopped(A))
    console.print(watcher._view.draw())
    assert "idle" in capsys.readouterr().out


def test_live_progress_can_fail_a_run_that_never_started(
    capsys: pytest.CaptureFixture[str],
) -> None:
    watcher = live(1)
    watcher.hear(failed(B, "its worker was killed"))
    assert "l2=0.1: failed: its worker was killed" in capsys.readouterr().err


def test_with_several_experiments_their_names_come_first(
    capsys: pytest.CaptureFixture[str],
) -> None:
    plain(is_prefixed=True).hear(failed(B, "diverged"))
    assert capsys.readouterr().err == "toy: l2=0.1: failed: diverged\n"
