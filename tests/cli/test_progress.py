"""Live and plain progress, fed by hand."""

import pytest

from events import failed, finished, progress, started, stopped
from signs_sweep.cli.pace import Pace
from signs_sweep.cli.progress import LiveProgress, PlainProgress, Titles
from signs_sweep.domain import Progress

TITLES = Titles(names={"a": "l2=0", "b": "l2=0.1"}, epochs={"a": 10, "b": 10}, to_train=20)


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
    with PlainProgress(TITLES) as watcher:
        watcher.hear(started("a", 0))
        watcher.hear(epochs("a", 1, 2))
        watcher.hear(None)
        watcher.hear(finished("a", final_train_accuracy=0.9, test_accuracy=0.8))
        watcher.hear(failed("b", "diverged"))
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
    monkeypatch.setattr("signs_sweep.cli.progress.time.monotonic", lambda: next(now))
    watcher = PlainProgress(TITLES)
    watcher.hear(started("a", 0))
    for first in (1, 3, 5):
        watcher.hear(epochs("a", first, 2))
    lines = capsys.readouterr().err.splitlines()
    assert lines[1:] == ["l2=0: epoch 4 of 10  loss 0.5000  accuracy 0.7500  0.2/s"]


def test_live_progress_shows_a_bar_and_a_line_per_worker(
    capsys: pytest.CaptureFixture[str],
) -> None:
    from rich.console import Console

    watcher = LiveProgress(TITLES, workers=2)
    watcher.hear(started("a", 1))
    watcher.hear(epochs("a", 1, 4))
    watcher.hear(None)
    console = Console(width=120, force_terminal=False)
    console.print(watcher._view.draw())
    text = capsys.readouterr().out
    assert "4 / 20 epochs" in text
    assert "waiting" in text
    assert "epoch 4 / 10  loss 0.5000  accuracy 0.7500" in text
    watcher.hear(stopped("a"))
    console.print(watcher._view.draw())
    assert "idle" in capsys.readouterr().out


def test_live_progress_can_fail_a_run_that_never_started(
    capsys: pytest.CaptureFixture[str],
) -> None:
    watcher = LiveProgress(TITLES, workers=1)
    watcher.hear(failed("b", "its worker was killed"))
    assert "l2=0.1: failed: its worker was killed" in capsys.readouterr().err
