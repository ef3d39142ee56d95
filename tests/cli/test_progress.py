"""Live and plain progress, fed by hand."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from events import failed, finished, progress, started, stopped
from signs_sweep.cli.headlines import EpochCount, Pace
from signs_sweep.cli.progress import LiveView, PlainView, Watcher
from signs_sweep.domain import Dense, Parameters, Progress, Proposed, Run
from trials import make_trial

RUNS = [Run(Parameters(epochs=10, l2=l2), Dense((2,)), 0.0, "data") for l2 in (0.0, 0.1)]
A, B = (run.run_id for run in RUNS)
PROPOSED = [Proposed(make_trial(run, title=f"l2={run.parameters.text('l2')}")) for run in RUNS]


def plain(*, is_prefixed: bool = False) -> Watcher:
    return fed(Watcher(EpochCount(20), PlainView(), is_prefixed=is_prefixed))


def live(workers: int) -> Watcher:
    headline = EpochCount(20)
    return fed(Watcher(headline, LiveView(headline, workers)))


def fed(watcher: Watcher) -> Watcher:
    for proposed in PROPOSED:
        watcher.handle(proposed)
    return watcher


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    clock = SimpleNamespace(now=0.0)
    clock.monotonic = lambda: clock.now
    for module in ("headlines", "progress"):
        monkeypatch.setattr(f"signs_sweep.cli.{module}.time", clock)
    return clock


def epochs(run_id: str, first: int, count: int) -> Progress:
    return progress(run_id, first, loss=[0.5] * count, accuracy=[0.75] * count)


def test_the_pace_is_unknown_at_first_and_then_a_recent_average(clock: SimpleNamespace) -> None:
    pace = Pace()
    pace.add(replace(epochs(A, 1, 1000), is_replay=True))
    pace.add(epochs(A, 1001, 10))
    assert pace.rate is None
    clock.now = 100.0
    for _ in range(99):
        clock.now += 1
        pace.add(epochs(A, 1, 4))
    assert pace.rate == pytest.approx(4)
    assert pace.done == 1010 + 99 * 4


def test_plain_progress_writes_a_line_per_event(capsys: pytest.CaptureFixture[str]) -> None:
    watcher = plain()
    watcher.handle(started(A, 0))
    watcher.handle(epochs(A, 1, 2))
    watcher.handle(None)
    watcher.handle(finished(A, final_train_accuracy=0.9, test_accuracy=0.8))
    watcher.handle(failed(B, "diverged"))
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "l2=0: started by worker 1",
        "l2=0: finished in 8.5 s  train accuracy 0.9000  test accuracy 0.8000",
        "l2=0.1: failed: diverged",
    ]


def test_the_epochs_after_early_stopping_are_no_longer_counted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    headline = EpochCount(20, is_limit=True)
    watcher = fed(Watcher(headline, PlainView()))
    watcher.handle(started(A, 0))
    watcher.handle(epochs(A, 1, 4))
    end = finished(A, final_train_accuracy=0.9)
    watcher.handle(replace(end, stopped_at=4, chosen_epoch=2))
    assert (headline.done, headline.total) == (4, 14)
    assert capsys.readouterr().err.splitlines()[1:] == [
        "l2=0: finished in 8.5 s  stopped after epoch 4  weights of epoch 2  train accuracy 0.9000"
    ]


def test_plain_progress_shows_epochs_now_and_then(
    capsys: pytest.CaptureFixture[str], clock: SimpleNamespace
) -> None:
    watcher = plain()
    watcher.handle(started(A, 0))
    for first, clock.now in ((1, 1.0), (3, 20.0), (5, 21.0)):
        watcher.handle(epochs(A, first, 2))
    watcher.handle(replace(epochs(A, 1, 6), is_replay=True))
    lines = capsys.readouterr().err.splitlines()
    assert lines[1:] == [
        "l2=0: epoch 4 of 10  loss 0.5000  accuracy 0.7500  0.1/s",
        "l2=0: resumes from epoch 6",
    ]


def test_live_progress_shows_a_bar_and_a_line_per_worker(
    capsys: pytest.CaptureFixture[str],
) -> None:
    from rich.console import Console

    watcher = live(2)
    watcher.handle(replace(started(A, 1), node="node-b"))
    watcher.handle(epochs(A, 1, 4))
    watcher.handle(None)
    console = Console(width=120, force_terminal=False)
    console.print(watcher._view.draw())
    text = capsys.readouterr().out
    assert "4 / 20 epochs" in text
    assert "waiting" in text
    assert "2 node-b  l2=0     epoch 4 / 10  loss 0.5000  accuracy 0.7500" in text
    watcher.handle(stopped(A))
    console.print(watcher._view.draw())
    assert "idle" in capsys.readouterr().out


def test_live_progress_can_fail_a_run_that_never_started(
    capsys: pytest.CaptureFixture[str],
) -> None:
    watcher = live(1)
    watcher.handle(failed(B, "its worker was killed"))
    assert "l2=0.1: failed: its worker was killed" in capsys.readouterr().err


def test_with_several_experiments_their_names_come_first(
    capsys: pytest.CaptureFixture[str],
) -> None:
    plain(is_prefixed=True).handle(failed(B, "diverged"))
    assert capsys.readouterr().err == "toy: l2=0.1: failed: diverged\n"


def test_a_view_of_many_workers_fits_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINES", "24")
    view = LiveView(EpochCount(20), workers=100)
    with view.console.capture() as shown:
        view.console.print(view.draw())
    lines = shown.get().splitlines()
    assert len(lines) == 23
    assert lines[-1].split() == ["and", "79", "more"]
