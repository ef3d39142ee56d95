"""What a search promised against what held: from its records, as its outcome has it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from signs_sweep.analysis.comparison import compare_settings
from signs_sweep.commands.search_history import SearchHistory, winner_runs
from signs_sweep.domain import (
    Purpose,
    Result,
    Row,
    Run,
    State,
    Trial,
    TrialEnd,
    TrialState,
    as_text,
)
from signs_sweep.reporting.content import Stage
from signs_sweep.searching.outcome import SearchOutcome
from signs_sweep.searching.race import make_race
from signs_sweep.searching.trials import search_trial
from signs_sweep.searching.words import findings
from signs_sweep.spec import load
from signs_sweep.tracking import SweepInfo, TrialInfo

SPEC = """\
name: toy
validation: 0.2
base: {epochs: 10, l2: 0}
seeds: 2
search:
  space: {l2: {low: 1e-3, high: 10, log: true}}
  confirm: {candidates: 3, at_least: 8, at_most: 12}
"""
PROMISED = (0.8, 0.95, None, 0.9)
"""By number of the trial, its value; trial n has l2 = (n + 1) / 10."""

Value = Callable[[float], float]
"""Returns the expected accuracy of a setting, given its l2."""


def info(end: TrialEnd) -> TrialInfo:
    """Return what the store has of a trial."""
    trial = end.trial
    return TrialInfo(
        location=trial.key,
        search="search",
        number=trial.number,
        purpose=trial.purpose,
        label=trial.label or "",
        state=end.state,
        value=end.value,
        seeds=None,
        choices={name: as_text(value) for name, value in trial.choices.items()},
        run_ids=trial.run_ids,
        baselines=trial.baselines,
    )


def searched(folder: Path, accuracy: Value, spec: str = SPEC) -> tuple[SearchOutcome, list[Trial]]:
    """Carry out a search; return its outcome, and the trials of the race and the confirmation."""
    (folder / "toy.yaml").write_text(spec, encoding="utf-8")
    experiment = load(folder / "toy.yaml")
    ends, results, fresh = [], {}, []

    def train(runs: Sequence[Run]) -> None:
        for run in runs:
            noise = np.random.default_rng([run.parameters.global_seed, int(run.run_id[:6], 16)])
            value = accuracy(run.parameters.l2) + 0.02 * float(noise.normal())
            metrics = {"val_accuracy": value, "test_accuracy": value - 0.1}
            results[run.run_id] = Result(run.run_id, State.FINISHED, metrics)

    for number, value in enumerate(PROMISED):
        choices = {"l2": (number + 1) / 10}
        setting = experiment.setting(experiment.point(choices), "data")
        trial = search_trial(experiment, number, setting, choices)
        state = TrialState.PRUNED if value is None else TrialState.COMPLETE
        ends.append(TrialEnd(trial, state, value))
        train(trial.runs)
    race = make_race(experiment, experiment.search, ends, "data")
    while race and (block := race.next(results)):
        fresh += block
        train([run for trial in block for run in trial.runs])
    outcome = SearchOutcome(
        *(experiment, experiment.search, None, ends, race, results),
        importances={},
        options={},
        files={},
        seconds=1.0,
        seconds_per_ask=None,
        was_interrupted=False,
    )
    return outcome, fresh


def history_of(outcome: SearchOutcome, fresh: Sequence[Trial]) -> SearchHistory:
    """Return the history of a search that was recorded."""
    found, moment = findings(outcome), datetime.now(UTC)
    best = {name: as_text(value) for name, value in found.choices.items()}
    trials = [*outcome.trials, *(TrialEnd(trial, TrialState.COMPLETE) for trial in fresh)]
    rows = {
        run.run_id: Row(
            *("toy", run.run_id, None, run.parameters, outcome.results[run.run_id]),
            model=run.model.values,
            validation=run.validation,
            data=run.data,
        )
        for trial in (*(end.trial for end in outcome.trials), *fresh)
        for run in trial.runs
    }
    return SearchHistory(
        experiment="toy",
        sweep=SweepInfo(
            *("search", True, moment, moment, outcome.state, f"Why.\n\n{found.note}", found.note),
            *(None, best, found.metrics),
        ),
        trials=[info(end) for end in trials],
        rows=rows,
        rule=outcome.experiment.verdict,
        objective=outcome.search.objective,
    )


@pytest.fixture
def won(tmp_path: Path) -> tuple[SearchOutcome, list[Trial]]:
    """A search in which trial 3 won, though trial 1 had promised more."""
    return searched(tmp_path, lambda l2: {0.4: 0.9, 0.2: 0.8}.get(round(l2, 1), 0.6))


def numbers(known) -> tuple:
    """Return the numbers of a stage as the search has computed them."""
    values = (known.mean, known.pairs, known.reference, known.difference, known.low, known.high)
    return tuple(map(pytest.approx, values))


def test_the_trials_and_the_numbers_are_those_of_the_outcome(won) -> None:
    outcome, fresh = won
    report = history_of(outcome, fresh).report
    assert (report.objective, report.is_higher_better) == ("val_accuracy", True)
    assert [(each.state, each.value) for each in report.trials] == [
        ("complete", 0.8),
        ("complete", 0.95),
        ("pruned", None),
        ("complete", 0.9),
    ]
    assert [each.choices["l2"] for each in report.trials] == ["0.1", "0.2", "0.3", "0.4"]
    assert {each.seeds for each in report.trials} == {2}
    assert report.text == findings(outcome).note
    winner, known = outcome.winner, outcome.confirmed
    assert winner.title == "trial 3"
    (standing,) = [each for each in outcome.standings if each.candidate == winner]
    of_search, tested = known["val_accuracy"], known["test_accuracy"]
    assert dict(report.chosen) == {
        "best trial of the search": "trial 1: 0.9500 over 2 seeds",
        "winner": "trial 3: l2=0.4",
        "optimism for the best trial": f"{outcome.optimism:+.4f}",
    }
    assert report.level == pytest.approx(0.95)
    assert report.stages[:2] == (
        Stage("search", 0.9, 2),
        Stage("race", pytest.approx(standing.mean), len(standing.values)),
    )
    assert report.stages[2:] == tuple(
        Stage(name, *numbers(each), "better")
        for name, each in [
            ("further seeds", of_search),
            ("further seeds, test accuracy", tested),
        ]
    )


@pytest.mark.parametrize(
    ("accuracy", "words"), [({0.4: 0.9}, "better"), ({0.4: 0.601}, "undecided")]
)
def test_the_comparison_has_the_verdict_of_the_search(tmp_path, accuracy, words) -> None:
    outcome, fresh = searched(tmp_path, lambda l2: accuracy.get(round(l2, 1), 0.6))
    rows, rule = history_of(outcome, fresh).compared
    (comparison,) = compare_settings(rows, {"toy": rule})
    (verdict,) = comparison.decisive
    known = outcome.confirmed["val_accuracy"]
    assert verdict.text == known.text == words
    assert (verdict.setting, verdict.baseline) == (
        f"{outcome.winner.title}",
        "the default",
    )
    assert [verdict.difference, verdict.low, verdict.high, verdict.pairs] == [
        *(known.difference, known.low, known.high, known.pairs)
    ]
    assert [row.seeds for row in rows[::2]] == list(outcome.race.further)


def test_if_the_default_won_the_comparison_is_that_of_the_race(tmp_path: Path) -> None:
    outcome, fresh = searched(tmp_path, lambda l2: 0.9 if l2 == 0 else 0.6)
    history = history_of(outcome, fresh)
    assert dict(history.report.chosen)["winner"] == "the default"
    stages = history.report.stages
    assert "search" not in [stage.name for stage in stages]
    assert {stage.difference for stage in stages} == {None}
    rows, rule = history.compared
    (comparison,) = compare_settings(rows, {"toy": rule})
    assert {each.label for each in comparison.settings} == {
        "the default",
        *(f"trial {number}" for number in (0, 1, 3)),
    }
    assert rule.comparisons == 6
    means = {each.candidate.title: each.mean for each in outcome.standings}
    for each in comparison.settings:
        assert each.mean("val_accuracy") == pytest.approx(
            means[each.label.partition(",")[0].removeprefix("the ")]
        )
    assert {each.text for each in comparison.decisive} == {"worse"}


@pytest.mark.parametrize("state", [State.RUNNING, State.KILLED])
def test_a_search_that_has_not_ended_has_no_winner(won, state: State) -> None:
    history = history_of(*won)
    history = replace(history, sweep=replace(history.sweep, state=state))
    assert [fact.name for fact in history.report.chosen] == ["best trial of the search", "winner"]
    assert history.report.chosen[1].value == "none yet"
    assert history.report.stages == ()
    assert "trial 1" in {row.label for row in history.compared[0]}


@pytest.fixture
def continued(won) -> tuple[SearchHistory, Trial]:
    """The history of a search whose earlier winner was confirmed too, and that trial."""
    outcome, fresh = won
    (earlier,) = [each for each in outcome.race.candidates if each.title == "trial 1"]
    trial, _ = outcome.race.confirming(earlier)
    results = {
        name: Result(name, State.FINISHED, {"val_accuracy": 0.99, "test_accuracy": 0.99})
        for name in trial.run_ids
    }
    outcome = replace(outcome, results={**results, **outcome.results})
    return history_of(outcome, [trial, *fresh]), trial


def test_the_confirmation_of_an_earlier_winner_does_not_count(won, continued) -> None:
    history, trial = continued
    assert set(trial.run_ids) < set(history.rows)
    assert history.compared == history_of(*won).compared


def test_there_is_no_honest_comparison_without_fresh_seeds_or_a_purpose(won, tmp_path) -> None:
    outcome, fresh = searched(tmp_path, lambda _: 0.6, SPEC.replace("{candidates", "0 # {cand"))
    assert not fresh
    history = history_of(outcome, fresh)
    assert history.compared is None
    assert dict(history.report.chosen)["winner"] == "trial 1: l2=0.2"
    history = history_of(*won)
    older = [
        trial if trial.purpose is Purpose.SEARCH else replace(trial, purpose=None)
        for trial in history.trials
    ]
    history = replace(history, trials=older)
    assert history.compared is None
    assert history.report.stages[-1].difference > 0


def test_the_runs_of_the_winner_are_those_of_the_latest_winner_over_fresh_seeds(
    won, continued
) -> None:
    history, earlier = continued

    def index_of(sweep: SweepInfo) -> SimpleNamespace:
        return SimpleNamespace(sweeps=lambda _: [sweep], trials=lambda _: history.trials)

    found = winner_runs("toy", index_of(history.sweep))
    assert found == {run for each in won[1] for run in each.run_ids if each.choices == {"l2": 0.4}}
    assert len(found) > 8
    assert found.isdisjoint(earlier.run_ids)
    assert not winner_runs("toy", index_of(replace(history.sweep, state=State.KILLED)))
