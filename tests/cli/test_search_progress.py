"""What is said of a search while it goes on."""

import io

import pytest
from rich.console import Console

from events import failed, finished, progress, started
from signs_sweep.cli.search_progress import LiveSearch, PlainSearch, SearchState, verdict
from signs_sweep.domain import Judged, Notice, Proposed

PROPOSED = Proposed({"r1": "trial 0 seeds 0, 0", "r2": "trial 0 seeds 1, 1"}, 90)


def judged(number: int, state: str = "COMPLETE", value: float | None = 0.5, why: str = ""):
    counts = {"COMPLETE": number + 1, "PRUNED": 2, "FAIL": 0}
    return Judged(f"trial {number} l2=0.01", state, value, why, "trial 0", 0.75, counts)


def test_the_headline_has_the_best_value_the_counts_and_the_time_left(monkeypatch) -> None:
    now = [100.0]
    monkeypatch.setattr("signs_sweep.cli.search_progress.time.monotonic", lambda: now[0])
    state = SearchState(8, None)
    assert state.headline() == "8 trials  starting"
    state.take(judged(0))
    now[0] += 20
    state.take(judged(1))
    # Two of this time in 20 s, four are left.
    assert state.headline() == (
        "4 / 8 trials  2 pruned  0 failed  best 0.7500 (trial 0)  40 s left"
    )
    state.take(judged(5))
    assert "left" not in state.headline()


def test_no_more_time_is_left_than_the_timeout_allows(monkeypatch) -> None:
    now = [100.0]
    monkeypatch.setattr("signs_sweep.cli.search_progress.time.monotonic", lambda: now[0])
    state = SearchState(1000, 30)
    state.take(judged(0))
    now[0] += 20
    state.take(judged(1))
    assert state.headline().endswith("10 s left")


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (judged(3, value=0.875), "trial 3 l2=0.01: 0.8750"),
        (judged(3, "PRUNED", None, "worse than others at epoch 9"), "pruned, worse than others"),
        (judged(3, "FAIL", None, "the loss is nan"), "trial 3 l2=0.01: failed: the loss is nan"),
    ],
)
def test_a_trial_is_told_of_with_its_value_or_the_reason_for_none(event, words) -> None:
    assert words in verdict(event)


def test_a_log_has_a_line_per_trial_and_names_what_it_warns_of(capsys) -> None:
    with PlainSearch(SearchState(8, None)) as watcher:
        for event in (
            PROPOSED,
            started("r1"),
            progress("r1", 1, 3),
            Notice("only the curve is known", "r1"),
            Notice("the store is away"),
            failed("r2", "the loss is nan"),
            judged(0, "FAIL", None, "the loss is nan"),
            None,
        ):
            watcher.hear(event)
    out, err = capsys.readouterr()
    assert out == ""
    told = "trial 0 l2=0.01: failed: the loss is nan"
    assert err.splitlines() == [
        "trial 0 seeds 0, 0: only the curve is known",
        "warning: the store is away",
        "trial 0 seeds 1, 1: failed: the loss is nan",
        f"{told}   3 / 8 trials  2 pruned  0 failed  best 0.7500 (trial 0)",
    ]


def test_a_terminal_shows_what_each_worker_does() -> None:
    live = LiveSearch(SearchState(8, None), workers=2)
    console = live._view.console = Console(file=io.StringIO(), width=120)
    for event in (PROPOSED, started("r1", 1), progress("r1", 1, 3), judged(0)):
        live.hear(event)
    console.print(live._view.draw())
    shown = console.file.getvalue()
    assert "trial 0 l2=0.01: 0.5000" in shown
    assert "3 / 8 trials" in shown
    assert "1  waiting" in shown
    assert "2  trial 0 seeds 0, 0  epoch 3 / 90" in shown
    live.hear(finished("r1"))
    console.print(live._view.draw())
    assert "2  idle" in console.file.getvalue()
    live.hear(Proposed({"r9": "default, fresh seeds 3, 3"}, 90))
    console.print(live._view.draw())
    assert "fresh seeds" in console.file.getvalue()
