"""What is shown of a search while it is under way."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from events import failed, finished, progress, started
from signs_sweep.cli.headlines import TrialCount
from signs_sweep.cli.progress import LiveView, PlainView, Watcher, ending
from signs_sweep.domain import (
    Dense,
    Notice,
    Parameters,
    Proposed,
    Purpose,
    Run,
    TrialEnd,
    TrialState,
)
from trials import ended, make_trial, searched

RUNS = [
    Run(Parameters(epochs=90, global_seed=seed, init_seed=seed), Dense((2,)), 0.2, "data")
    for seed in range(2)
]
FIRST, SECOND = (run.run_id for run in RUNS)
BEST = ended(searched(0, RUNS[0], l2=0.1), value=0.75)
EARLIER = [
    BEST,
    *(ended(searched(n, RUNS[0]), TrialState.PRUNED, None, "worse") for n in (1, 2)),
    TrialEnd(searched(3, RUNS[0]), TrialState.STOPPED),
]
PROPOSED = Proposed(searched(4, *RUNS, l2=0.01))
CONFIRMING = Proposed(
    make_trial(replace(RUNS[0], validation=0.3), title="confirmation", purpose=Purpose.CONFIRMATION)
)


def end(number: int, state=TrialState.COMPLETE, value: float | None = 0.5, why: str = ""):
    return ended(searched(number, RUNS[0], l2=0.01), state, value, why)


def trial_count(total: int, timeout: float | None = None, ends=EARLIER) -> TrialCount:
    return TrialCount(total, timeout, ends, maximize=True)


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr("signs_sweep.cli.headlines.time.monotonic", lambda: now[0])
    return now


def test_the_headline_has_the_best_value_the_counts_and_the_time_left(now) -> None:
    assert trial_count(8, ends=()).text() == "8 trials  starting"
    trials = trial_count(9)
    trials.handle(end(5))
    now[0] += 20
    trials.handle(end(6))
    # Two of this time in 20 s, four are left.
    assert trials.text() == "5 / 9 trials  2 pruned  0 failed  best 0.7500 (trial 0)  40 s left"
    trials.handle(end(7, value=0.875))
    assert "best 0.8750 (trial 7)" in trials.text()
    for number in (8, 9, 10):
        trials.handle(end(number))
    assert "left" not in trials.text()


def test_an_end_that_is_repeated_is_counted_once() -> None:
    trials = trial_count(8)
    trials.handle(BEST)
    assert trials.done == 3


def test_no_more_time_is_left_than_the_timeout_allows(now) -> None:
    trials = trial_count(1000, 30, ends=())
    trials.handle(end(0))
    now[0] += 20
    trials.handle(end(1))
    assert trials.text().endswith("10 s left")


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (end(3, value=0.875), "trial 3 l2=0.01: 0.8750"),
        (replace(end(3, value=0.875), audited="worse"), "l2=0.01: 0.8750 (audited: worse)"),
        (
            end(3, TrialState.PRUNED, None, "worse than others at epoch 9"),
            "pruned, worse than others",
        ),
        (
            end(3, TrialState.FAILED, None, "the loss is nan"),
            "trial 3 l2=0.01: failed: the loss is nan",
        ),
        (
            end(3, TrialState.STOPPED, None, "it was ended outside this search"),
            "trial 3 l2=0.01: stopped: it was ended outside this search",
        ),
    ],
)
def test_a_trial_is_shown_with_its_value_or_the_reason_for_none(event, words) -> None:
    assert words in ending(event)


def test_a_log_has_a_line_per_trial_and_names_what_it_warns_of(capsys) -> None:
    watcher = Watcher(trial_count(8), PlainView())
    for event in (
        PROPOSED,
        started(FIRST),
        progress(FIRST, 1, 3),
        Notice("only the curve is known", FIRST),
        Notice("the store is away"),
        finished(FIRST),
        failed(SECOND, "the loss is nan"),
        end(4, TrialState.FAILED, None, "the loss is nan"),
        None,
    ):
        watcher.handle(event)
    out, err = capsys.readouterr()
    assert out == ""
    line = "trial 4 l2=0.01: failed: the loss is nan"
    assert err.splitlines() == [
        "trial 4 seeds 0, 0: only the curve is known",
        "warning: the store is away",
        "trial 4 seeds 1, 1: failed: the loss is nan",
        f"{line}   4 / 8 trials  2 pruned  1 failed  best 0.7500 (trial 0)",
    ]


def test_a_log_has_each_run_that_confirms_the_winner(capsys) -> None:
    watcher = Watcher(trial_count(8), PlainView())
    run = CONFIRMING.trial.runs[0]
    for event in (CONFIRMING, started(run), finished(run, test_accuracy=0.5)):
        watcher.handle(event)
    assert capsys.readouterr().err.splitlines() == [
        "confirmation: started by worker 1",
        "confirmation: finished in 8.5 s  test accuracy 0.5000",
    ]


def test_a_terminal_shows_what_each_worker_does() -> None:
    trials = trial_count(8)
    view = LiveView(trials, workers=2)
    live = Watcher(trials, view)
    console = view.console = Console(file=io.StringIO(), width=120)
    for event in (PROPOSED, started(FIRST, 1), progress(FIRST, 1, 3), end(5)):
        live.handle(event)
    console.print(view.draw())
    shown = console.file.getvalue()
    assert "trial 5 l2=0.01: 0.5000" in shown
    assert "4 / 8 trials" in shown
    assert "1  waiting" in shown
    assert "2  trial 4 seeds 0, 0  epoch 3 / 90" in shown
    live.handle(finished(FIRST))
    console.print(view.draw())
    assert "2  idle" in console.file.getvalue()
    live.handle(CONFIRMING)
    console.print(view.draw())
    assert "confirmation" in console.file.getvalue()


def test_a_run_that_is_proposed_again_is_shown_in_its_new_trial(capsys) -> None:
    watcher = Watcher(trial_count(8), PlainView())
    run = RUNS[0]
    for number in (2, 7):
        watcher.handle(Proposed(searched(number, run)))
        watcher.handle(started(run))
        watcher.handle(failed(run, "it broke"))
    assert capsys.readouterr().err.splitlines() == [
        "trial 2: failed: it broke",
        "trial 7: failed: it broke",
    ]
