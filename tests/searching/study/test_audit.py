"""The audit of pruning: which trials are drawn, what becomes of them, and what is reported."""

import math
from collections.abc import Sequence
from dataclasses import replace

import optuna
import pytest
from stories import MEDIAN, NO_PRUNER, SEARCH, Story, is_chosen

from events import progress
from signs_sweep.domain import Result, Run, State, Trial, TrialEnd, TrialState
from signs_sweep.searching.study.audit import audit_metrics, describe_audit, is_drawn
from signs_sweep.searching.study.methods import proposals
from signs_sweep.searching.study.scheduler import ends_of
from signs_sweep.searching.study.storage import recover
from signs_sweep.spec import Sampler, Search
from trials import ended, searched

SIXTH, GUESSING = 1 / 6, math.log(6)
DEAD = replace(NO_PRUNER, dead=True)
WHY = "unable to learn since about epoch 15"


def test_the_lot_has_its_share_and_depends_only_on_seed_and_trial() -> None:
    drawn = [is_drawn(3, proposal, 0.05) for proposal in range(20_000)]
    assert 0.045 < sum(drawn) / len(drawn) < 0.055
    assert drawn[::-1] == [is_drawn(3, proposal, 0.05) for proposal in reversed(range(20_000))]
    assert drawn != [is_drawn(4, proposal, 0.05) for proposal in range(20_000)]
    assert all(is_drawn(3, n, 0.3) for n, each in enumerate(drawn) if each), "more, not others"
    assert [is_drawn(3, 0, share) for share in (0, 1)] == [False, True]


def train_dead(story: Story, trial: Trial) -> Run:
    """Train a trial whose network never learns; the run stops if it is pruned."""
    curves = {"loss": [GUESSING] * 90, "val_loss": [GUESSING] * 90, "val_accuracy": [SIXTH] * 90}
    is_continued = story.scheduler.report(trial, progress(trial.runs[0], **curves))
    story.finish(trial, SIXTH, state=State.FINISHED if is_continued else State.KILLED)
    return trial.runs[0]


def audited_runs(ends: Sequence[TrialEnd]) -> set[str]:
    return {end.trial.run_ids[0] for end in ends if end.audited}


def test_a_search_audits_the_same_trials_in_any_order_and_after_an_interruption() -> None:
    pruner = replace(DEAD, audit=0.5)
    search = replace(SEARCH, trials=8, sampler=Sampler("random", seed=3, startup=0), pruner=pruner)
    undisturbed = Story(search)
    while trial := undisturbed.scheduler.ask():
        train_dead(undisturbed, trial)
    expected = audited_runs(undisturbed.ends)
    assert 0 < len(expected) < 8
    parallel = Story(search)
    for trial in [parallel.scheduler.ask() for _ in range(8)][::-1]:
        train_dead(parallel, trial)
    assert audited_runs(parallel.ends) == expected
    for left in range(6):  # Two are running, and the later one ends before the process is killed.
        study = optuna.create_study(direction="maximize")
        killed = Story(search, study=study)
        for _ in range(left):
            train_dead(killed, killed.scheduler.ask())
        killed.scheduler.ask()
        train_dead(killed, killed.scheduler.ask())
        assert recover(study, is_chosen) == 1
        resumed = Story(search, study=study)
        while trial := resumed.scheduler.ask():
            train_dead(resumed, trial)
        assert audited_runs(killed.ends + resumed.ends) == expected


@pytest.mark.parametrize("share", [0, 1])
def test_an_audited_trial_completes_with_a_record_and_a_dead_one_is_marked(share: int) -> None:
    story = Story(replace(SEARCH, trials=1, pruner=replace(DEAD, audit=share)))
    train_dead(story, story.scheduler.ask())
    (end,) = story.ends
    if share:
        assert (end.state, end.value) == (TrialState.COMPLETE, SIXTH)
        assert (end.audited, end.is_dead, end.why) == (WHY, False, "")
        assert story.study.trials[0].user_attrs["signs_sweep.audited"] == WHY
    else:
        assert (end.state, end.value) == (TrialState.PRUNED, None)
        assert (end.audited, end.is_dead, end.why) == ("", True, WHY)
    assert ends_of(story.study, story.make_trial) == story.ends


def test_an_audited_trial_is_compared_at_every_epoch_and_judged_once() -> None:
    story = Story(replace(SEARCH, pruner=replace(MEDIAN, audit=1)))
    for accuracy in (0.5, 0.5, 0.4):
        trial = story.scheduler.ask()
        assert story.scheduler.report(trial, story.progress(trial, [accuracy] * 90))
        story.finish(trial, accuracy)
    assert [end.audited for end in story.ends] == ["", "", "worse than others at epoch 10"]
    assert list(story.study.trials[2].intermediate_values) == list(range(10, 90, 10))


def test_an_audited_trial_is_trained_with_all_of_its_seeds() -> None:
    pruner = replace(NO_PRUNER, name="wilcoxon", audit=1, startup=2)
    story = Story(replace(SEARCH, pruner=pruner), seeds=8)
    story.finish(story.scheduler.ask(), *[0.9 + 0.001 * seed for seed in range(8)])
    worse = story.scheduler.ask()
    values = [0.5 + 0.01 * seed for seed in range(8)]
    results = [
        Result(run.run_id, State.FINISHED, {"val_accuracy": value})
        for run, value in zip(worse.runs, values, strict=True)
    ]
    assert all(story.scheduler.end(worse, result) for result in results)
    end = story.scheduler.tell(worse, results)
    assert (end.state, end.value) == (TrialState.COMPLETE, pytest.approx(0.535))
    assert end.audited.startswith("worse than the best after ")


def test_the_audit_is_no_part_of_what_a_study_is_checked_against() -> None:
    def recorded(share: float) -> dict[str, object]:
        search: Search = replace(SEARCH, pruner=replace(MEDIAN, audit=share))
        return proposals(search, 90)

    assert recorded(0) == recorded(0.05)
    assert "audit" not in recorded(0.05)["pruner"]


# What is reported


def ends(complete: Sequence[float], audited: Sequence[float], pruned: int) -> list[TrialEnd]:
    trials = [ended(searched(n), value=value) for n, value in enumerate(complete)]
    first = len(complete)
    trials += [
        replace(ended(searched(n), value=value), audited="worse")
        for n, value in enumerate(audited, first)
    ]
    first += len(audited)
    why = "worse"
    trials += [ended(searched(first + n), TrialState.PRUNED, None, why) for n in range(pruned)]
    return trials


GOOD = [0.861, 0.86, 0.85, 0.84, 0.83, 0.82]


def test_the_report_has_what_the_audited_trials_reached() -> None:
    trials = ends(GOOD, [0.7, 0.713], 33)
    (text,) = describe_audit(trials, 0.05, maximize=True)
    assert text == (
        "Pruning was audited: of 35 trials that it stopped or would have stopped, 2 were trained "
        "to their end; the better of them reached 0.7130, the best trial 0.8610."
    )
    assert audit_metrics(trials, 0.05, maximize=True) == {
        "pruning_audited": 2,
        "pruning_audited_best": 0.713,
    }
    smallest = describe_audit(ends(GOOD, [0.9, 0.95, 0.99], 1), 0.05, maximize=False)
    assert smallest[0].endswith("the best of them reached 0.9000, the best trial 0.8200.")


def test_a_leading_trial_that_pruning_would_have_lost_is_named() -> None:
    (text,) = describe_audit(ends(GOOD, [0.87, 0.855], 3), 0.05, maximize=True)
    assert text.endswith(
        " Pruning would have lost trial 6, the best, and trial 7, the fourth best of 8 completed "
        "trials."
    )
    (text,) = describe_audit(ends(GOOD, [0.825], 3), 0.05, maximize=True)
    assert "lost" not in text, "it is the sixth"
    assert "1 was trained to its end; it reached 0.8250" in text


def test_if_none_was_drawn_the_loss_is_unknown_and_without_pruning_nothing_is_reported() -> None:
    (text,) = describe_audit(ends(GOOD, [], 1), 0.05, maximize=True)
    assert text == (
        "What pruning may have lost is unknown: of 1 trial that it stopped or would have stopped, "
        "the audit (a share of 0.05, by lot) trained none to its end."
    )
    assert audit_metrics(ends(GOOD, [], 1), 0.05, maximize=True) == {"pruning_audited": 0}
    for trials, share in ((ends(GOOD, [], 0), 0.05), (ends(GOOD, [], 3), 0)):
        assert describe_audit(trials, share, maximize=True) == []
        assert audit_metrics(trials, share, maximize=True) == {}
