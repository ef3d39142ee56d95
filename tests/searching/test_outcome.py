"""The report of a search, from a synthetic study and synthetic results."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState, create_trial

from signs_sweep import domain
from signs_sweep.domain import Component, Dense, Result, Seeds, State, Trial
from signs_sweep.searching.outcome import SearchOutcome
from signs_sweep.searching.race import make_race
from signs_sweep.searching.study.own import LeftOut
from signs_sweep.searching.study.scheduler import ends_of
from signs_sweep.searching.study.space import distributions, values_of
from signs_sweep.searching.tables import trial_cells
from signs_sweep.searching.trials import fresh_seeds, search_trial
from signs_sweep.searching.words import best_spec, findings, left_out, sentences
from signs_sweep.spec import Experiment, load

SPEC = """\
name: toy
data: {train: photos/a.h5, test: photos/b.h5}
validation: 0.2
base: {epochs: 100, learning_rate: 1e-4}
seeds: [{global_seed: 3, init_seed: 7}]
search:
  space: {l2: {low: 1e-3, high: 0.1, log: true}, hidden: [[25, 12], [50]]}
  confirm: 3
"""


def make_experiment(folder: Path, text: str = SPEC) -> Experiment:
    path = folder / "toy.yaml"
    path.write_text(text, encoding="utf-8")
    return load(path)


def make_study(experiment: Experiment, *trials: tuple) -> optuna.Study:
    """Return a study with trials given as state, value, l2, hidden, run_ids."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(direction="maximize")
    for state, value, l2, hidden, run_ids in trials:
        study.add_trial(
            create_trial(
                state=state,
                value=value,
                params={"l2": l2, "hidden": hidden},
                distributions=distributions(experiment.search.space),
                user_attrs={"runs": list(run_ids)}
                | (
                    {"signs_sweep.message": "it broke"}
                    if state is TrialState.FAIL and run_ids
                    else {}
                ),
            )
        )
    return study


def trial_at(experiment: Experiment, number: int, choices: Mapping[str, Any]) -> Trial:
    values = values_of(experiment.search.space, choices)
    return search_trial(
        experiment, number, experiment.setting(experiment.point(values), "data"), choices
    )


def run_of(experiment: Experiment, l2: float, hidden: str) -> str:
    """Return the id of the run of a point."""
    return trial_at(experiment, 0, {"l2": l2, "hidden": hidden}).run_ids[0]


def make_outcome(
    experiment: Experiment,
    study: optuna.Study,
    winner=(0.9, 0.91, 0.92),
    default=(0.8, 0.81, 0.82),
    *,
    results=(),
) -> SearchOutcome:
    """Return an outcome in which winner and default have these accuracies over fresh seeds."""
    ends = ends_of(study, partial(trial_at, experiment))
    race = make_race(experiment, experiment.search, ends, "data")
    assert race is not None
    known = {result.run_id: result for result in results}
    confirming = race.confirming(race.candidates[0])
    for trial, values in zip(confirming, (winner, default), strict=False):
        for run, value in zip(trial.runs, values, strict=False):
            metrics = {"val_accuracy": value, "test_accuracy": value - 0.1}
            known[run.run_id] = Result(run.run_id, State.FINISHED, metrics)
    return SearchOutcome(
        experiment=experiment,
        search=experiment.search,
        study=study,
        trials=ends,
        race=race,
        results=known,
        importances={},
        options={},
        files={"history.png": b"png"},
        seconds=1.0,
        seconds_per_ask=None,
        was_interrupted=False,
    )


THREE = (
    (TrialState.COMPLETE, 0.85, 0.01, "25, 12", ["a-100"]),
    (TrialState.COMPLETE, 0.95, 0.02, "50", ["b-100"]),
    (TrialState.PRUNED, None, 0.05, "50", ["c-100"]),
)


def test_fresh_seeds_are_larger_than_all_seeds_of_the_search(tmp_path: Path) -> None:
    fresh = fresh_seeds(make_experiment(tmp_path), 3)
    assert fresh == [Seeds(8, 8), Seeds(9, 9), Seeds(10, 10)]


def test_winner_and_default_are_trained_with_the_same_fresh_seeds(tmp_path: Path) -> None:
    experiment = make_experiment(tmp_path, SPEC.replace("confirm: 3", "confirm: 2"))
    study = make_study(experiment, (TrialState.COMPLETE, 0.85, 0.01, "50", ["a-100"]))
    ends = ends_of(study, partial(trial_at, experiment))
    race = make_race(experiment, experiment.search, ends, "data")
    assert race is not None
    winner, default = race.confirming(race.candidates[0])
    assert [run.model for run in (*winner.runs, *default.runs)] == [
        *[Dense((50,))] * 2,
        *[Dense((25, 12))] * 2,
    ]
    assert [run.parameters.l2 for run in (*winner.runs, *default.runs)] == [0.01, 0.01, 0, 0]
    for trial in (winner, default):
        assert [run.parameters.global_seed for run in trial.runs] == [8, 9]
        assert [run.parameters.init_seed for run in trial.runs] == [8, 9]
        assert {run.validation for run in trial.runs} == {0.2}
        assert {run.parameters.epochs for run in trial.runs} == {100}


def test_the_report_states_whether_the_winner_is_better(tmp_path: Path) -> None:
    experiment = make_experiment(tmp_path)
    text = "\n".join(sentences(make_outcome(experiment, make_study(experiment, *THREE))))
    assert "3 trials: 2 complete, 1 pruned. Pruning saved 100 epochs." in text
    assert "Best in the search: trial 1 l2=0.02 hidden=50, val_accuracy 0.9500." in text
    assert (
        "Over 3 fresh seeds (8 to 10), which played no part in the choice, on the same held-out "
        "images: val_accuracy 0.9100, the default 0.8100; difference +0.1000: undecided (a verdict "
        "needs at least 7 seeds). The search had promised 0.9500 (optimism +0.0400)." in text
    )
    assert (
        "The test set judged only the winner and the default: test_accuracy 0.8100, the default "
        "0.7100; difference +0.1000: undecided" in text
    )
    assert text.endswith("Winner: trial 1 l2=0.02 hidden=50.")


def test_values_of_chosen_epochs_are_marked_and_differing_rules_are_reported(
    tmp_path: Path,
) -> None:
    def reported(base: str, metric: str = "val_accuracy") -> SearchOutcome:
        text = SPEC.replace("1e-4}", f"1e-4, early_stopping: {base}}}")
        text = text.replace("  confirm", f"  objective: {metric}\n  confirm")
        experiment = make_experiment(tmp_path, text)
        return make_outcome(experiment, make_study(experiment, *THREE))

    outcome = reported("{patience: 5}")
    text = "\n".join(sentences(outcome))
    assert "hidden=50, val_accuracy 0.9500*.\nValues with * are of epochs that early" in text
    assert "val_accuracy 0.9100*, the default 0.8100*; difference +0.1000: undecided" in text
    assert "had promised 0.9500* (optimism" in text
    assert "test_accuracy 0.8100, the default 0.7100;" in text
    assert "Early stopping differs" not in text
    html = outcome._repr_html_()
    assert all(f"<p>{escape(sentence)}</p>" in html for sentence in sentences(outcome))
    assert html.count("<table>") == 1 + bool(outcome.standings)
    assert {"0.9500*", "0.8500*"} <= {*trial_cells(outcome)["val_accuracy"]}
    for unmarked in ("none", "{patience: 5, restore: last}", "{patience: 5, metric: loss}"):
        assert "*" not in "\n".join(sentences(reported(unmarked)))

    other = outcome.trials[0].trial.runs[0]
    without = replace(other.parameters, early_stopping=Component("none"))
    trial = replace(outcome.trials[0].trial, runs=(replace(other, parameters=without),))
    first, *others = outcome.trials
    outcome = replace(outcome, trials=[replace(first, trial=trial), *others])
    text = "\n".join(sentences(outcome))
    assert "Early stopping differs between trials and chooses epochs by the images of " in text
    assert "0.8500*" not in trial_cells(outcome)["val_accuracy"]


@pytest.mark.parametrize(
    ("winner", "default", "verdict"),
    [
        ([0.8, 0.9] * 6, [0.7] * 12, "the winner is better"),
        ([0.7, 0.71] * 6, [0.8, 0.82] * 6, "the winner is worse"),
        ([0.7, 0.9] * 6, [0.9, 0.7] * 6, "undecided"),
        ([0.801, 0.8] * 20, [0.8] * 40, "interval +"),
    ],
)
def test_a_lucky_winner_is_recognized(tmp_path: Path, winner, default, verdict: str) -> None:
    text = SPEC.replace("confirm: 3", f"confirm: {len(winner)}")
    experiment = make_experiment(tmp_path, text)
    outcome = make_outcome(experiment, make_study(experiment, *THREE), winner, default)
    assert verdict in "\n".join(sentences(outcome))


def test_failed_runs_are_reported(tmp_path: Path) -> None:
    experiment = make_experiment(tmp_path)
    study = make_study(experiment, *THREE)
    text = "\n".join(sentences(make_outcome(experiment, study, winner=(0.9,))))
    assert "Of the runs over 3 fresh seeds, some failed or are missing." in text
    text = "\n".join(sentences(make_outcome(experiment, study, default=(0.9,))))
    assert "Of the runs over 3 fresh seeds, some failed or are missing." in text


def test_epochs_saved_are_those_that_pruned_runs_did_not_train(tmp_path: Path) -> None:
    experiment = make_experiment(tmp_path)
    half = Result(run_of(experiment, 0.05, "50"), State.KILLED, epochs=30)
    outcome = make_outcome(experiment, make_study(experiment, *THREE), results=[half])
    assert outcome.epochs_saved == 70


def test_trials_that_a_process_left_behind_do_not_count(tmp_path: Path) -> None:
    experiment = make_experiment(tmp_path)
    left = (TrialState.FAIL, None, 0.05, "50", [])
    broken = (TrialState.FAIL, None, 0.05, "50", ["d-100"])
    outcome = make_outcome(experiment, make_study(experiment, *THREE, left, broken))
    assert outcome.counts == Counter(
        {
            domain.TrialState.COMPLETE: 2,
            domain.TrialState.PRUNED: 1,
            domain.TrialState.FAILED: 1,
        }
    )
    assert list(outcome.table.index) == [0, 1, 2, 4]
    assert outcome.trials[-1].why == "it broke"


def test_excluded_trials_are_listed_with_the_reason(tmp_path: Path) -> None:
    experiment = make_experiment(tmp_path)
    outcome = make_outcome(experiment, make_study(experiment, *THREE))
    assert "of the study" not in "\n".join(sentences(outcome))
    outcome.left_out = [LeftOut(7, "no runs")]
    assert sentences(outcome)[1] == (
        "Excluded 1 trial of the study from outside this search: trial 7 (no runs)."
    )
    (line,) = left_out([LeftOut(number, "no runs") for number in range(2, 9)])
    assert line.startswith("Excluded 7 trials of the study from outside this search: trial 2 (no")
    assert line.endswith(", trial 6 (no runs) and 2 more.")


def test_the_best_is_the_first_of_equal_trials_and_leads_to_its_runs(tmp_path: Path) -> None:
    experiment = make_experiment(tmp_path)
    equal = (TrialState.COMPLETE, 0.95, 0.03, "50", ["e-100"])
    run = Result(run_of(experiment, 0.02, "50"), State.FINISHED, {"val_accuracy": 0.95})
    outcome = make_outcome(experiment, make_study(experiment, *THREE, equal), results=[run])
    assert outcome.best.trial.number == 1
    assert outcome.runs(1) == [run]
    assert outcome.runs(3) == []


def test_the_spec_of_the_winner_loads_and_has_its_runs(tmp_path: Path) -> None:
    experiment = make_experiment(tmp_path)
    outcome = make_outcome(experiment, make_study(experiment, *THREE))
    elsewhere = tmp_path / "other" / "place"
    elsewhere.mkdir(parents=True)
    path = elsewhere / "best.yaml"
    path.write_text(best_spec(outcome, elsewhere), encoding="utf-8")
    best = load(path)
    assert best.name == "toy-best"
    assert best.validation == 0.2
    assert best.model == Dense((50,))
    assert best.base.l2 == 0.02
    assert best.base.epochs == 100
    assert best.seeds == (Seeds(8, 8), Seeds(9, 9), Seeds(10, 10))
    train = elsewhere / best.data["train"]
    assert train.resolve() == (tmp_path / "photos" / "a.h5").resolve()


def test_the_spec_of_the_winner_of_a_search_with_folds_has_its_runs(tmp_path: Path) -> None:
    text = SPEC.replace("validation: 0.2", "split: {folds: 5, repeats: 2}")
    experiment = make_experiment(tmp_path, text)
    winner = trial_at(experiment, 1, {"l2": 0.02, "hidden": "50"})
    second = (TrialState.COMPLETE, 0.95, 0.02, "50", winner.run_ids)
    outcome = make_outcome(experiment, make_study(experiment, THREE[0], second))
    path = tmp_path / "best.yaml"
    path.write_text(best_spec(outcome, tmp_path), encoding="utf-8")
    best = load(path)
    setting = best.setting(best.points[0], "data")
    assert setting == winner.setting
    expected = [Seeds(n, n, split) for n in (8, 9, 10) for split in range(10)]
    assert [run.parameters.seeds for run in best.replicates(setting)] == expected
    searched = [run.parameters.seeds for run in winner.runs]
    assert searched == [Seeds(3, 7, split) for split in range(10)]


def test_the_record_has_the_numbers(tmp_path: Path) -> None:
    experiment = make_experiment(tmp_path)
    found = findings(make_outcome(experiment, make_study(experiment, *THREE)))
    assert found.choices == {"l2": 0.02, "hidden": "50"}
    assert found.metrics["best_value"] == 0.95
    assert found.metrics["best_trial"] == 1
    assert found.metrics["trials_pruned"] == 1
    assert found.metrics["winner_test_accuracy"] == pytest.approx(0.81)
    assert found.metrics["difference_test_accuracy"] == pytest.approx(0.1)
    assert found.metrics["winner_promised"] == 0.95
    assert found.tested == {"data": 1}
    assert found.metrics["optimism"] == pytest.approx(0.04)
    assert set(found.files) == {"history.png", "best.yaml"}


def test_a_best_trial_that_learned_nothing_is_reported(
    tmp_path: Path,
) -> None:
    experiment = make_experiment(tmp_path)
    study = make_study(experiment, *THREE)
    dead = Result(
        run_of(experiment, 0.02, "50"), State.FINISHED, {"val_accuracy": 0.95}, guessing_since=4
    )
    alive = Result(run_of(experiment, 0.01, "25, 12"), State.FINISHED, {"val_accuracy": 0.85})
    text = " ".join(sentences(make_outcome(experiment, study, results=[dead, alive])))
    assert "1 of 8 runs collapsed" in text
    assert "rely" not in text, "the confirmation says how good it is"
    other = Result(
        run_of(experiment, 0.01, "25, 12"), State.FINISHED, {"val_accuracy": 0.85}, guessing_since=4
    )
    text = " ".join(sentences(make_outcome(experiment, study, results=[other])))
    assert "collapsed" in text
    assert "rely" not in text


def test_collapsed_trials_are_located_and_left_out_of_the_importances(tmp_path: Path) -> None:
    experiment = make_experiment(tmp_path)
    rates = [0.01 + number / 1000 for number in range(20)]
    trials = [(TrialState.COMPLETE, 0.5, l2, "50", ["run"]) for l2 in rates]
    dead = [
        Result(
            run_of(experiment, l2, "50"), State.FINISHED, {"val_accuracy": 0.5}, guessing_since=4
        )
        for l2 in rates[12:]
    ]
    outcome = make_outcome(experiment, make_study(experiment, *trials), results=dead)
    text = " ".join(sentences(outcome))
    assert outcome.collapsed == set(range(12, 20))
    assert "Above l2=0.021, 8 of 8 trials collapsed; of the others, none of 12." in text
    assert "from 12 completed trials. 8 completed trials that collapsed are left out" in text


def test_an_audited_trial_is_in_the_report_and_in_the_record(tmp_path: Path) -> None:
    experiment = make_experiment(tmp_path)
    outcome = make_outcome(experiment, make_study(experiment, *THREE))
    outcome.trials[1] = replace(outcome.trials[1], audited="worse")
    text = " ".join(sentences(outcome))
    assert "Pruning was audited: of 2 trials that it stopped or would have stopped, 1 was" in text
    assert "Pruning would have lost trial 1, the best of 2 completed trials." in text
    assert findings(outcome).metrics["pruning_audited_best"] == 0.95


def test_equal_best_trials_and_pruned_trials_that_finished_are_reported(tmp_path: Path) -> None:
    experiment = make_experiment(tmp_path)
    tie = (TrialState.COMPLETE, 0.95, 0.03, "50", ["d-100"])
    study = make_study(experiment, *THREE, tie)
    finished = Result(run_of(experiment, 0.05, "50"), State.FINISHED, {"val_accuracy": 0.99})
    text = " ".join(sentences(make_outcome(experiment, study, results=[finished])))
    assert "Trials 1, 3 share this value." in text
    assert "1 of the pruned trials had finished before they could be stopped." in text


def test_the_table_has_the_seeds_of_each_trial_if_they_differ(tmp_path: Path) -> None:
    text = SPEC + "  replicates: {at_most: 3}\n"
    experiment = make_experiment(tmp_path, text).with_seeds(3)
    runs = trial_at(experiment, 0, {"l2": 0.01, "hidden": "50"}).run_ids
    first, second = ((TrialState.COMPLETE, 0.9, 0.01, "50", runs[:count]) for count in (1, 3))
    outcome = make_outcome(experiment, make_study(experiment, first, second))
    assert outcome.table["seeds"].tolist() == [1, 3]
    assert outcome.best.trial.number == 1, "of equal trials, that with the most seeds"
    same = make_outcome(experiment, make_study(experiment, second, second))
    assert "seeds" not in same.table.columns
