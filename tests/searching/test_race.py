"""The race for the winner of a search, on results that follow from setting and seed."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from signs_sweep.domain import (
    PARAMETERS,
    Judgement,
    Purpose,
    Result,
    Run,
    State,
    Trial,
    TrialEnd,
    TrialState,
)
from signs_sweep.searching.race import Race, make_race
from signs_sweep.searching.trials import search_trial
from signs_sweep.spec import Experiment, load

SPEC = """\
name: toy
validation: 0.2
base: {epochs: 10}
seeds: 2
search:
  space: {l2: {low: 1e-3, high: 10, log: true}}
  objective: OBJECTIVE
  confirm: CONFIRM
"""
DEFAULT = 0.0
"""The default's l2."""

Values = Callable[[float, int], float]
"""Returns the value of a run, given its l2 and its seed."""


def make_experiment(
    folder: Path,
    confirm: str = "{candidates: 3, at_least: 8, at_most: 20}",
    objective: str = "val_accuracy",
) -> Experiment:
    path = folder / "toy.yaml"
    text = SPEC.replace("CONFIRM", confirm).replace("OBJECTIVE", objective)
    path.write_text(text, encoding="utf-8")
    return load(path)


def race_of(experiment: Experiment, promised: Mapping[float, float]) -> Race:
    """Return the race after a search with these values, by l2."""
    ends = []
    for number, (l2, value) in enumerate(promised.items()):
        trial = search_trial(
            experiment, number, experiment.setting(experiment.point({"l2": l2}), "data"), {"l2": l2}
        )
        ends.append(TrialEnd(trial, TrialState.COMPLETE, value))
    race = make_race(experiment, experiment.search, ends, "data")
    assert race is not None
    return race


def result_of(run: Run, value: float, metric: str = "val_accuracy") -> Result:
    """Return the result of a run; NaN for one that failed, below 0.2 for one that collapsed."""
    if np.isnan(value):
        return Result(run.run_id, State.FAILED, message="it broke")
    since = 1 if metric == "val_accuracy" and value < 0.2 else None
    return Result(run.run_id, State.FINISHED, {metric: value}, guessing_since=since)


def carry_out(
    race: Race, value: Values, metric: str = "val_accuracy"
) -> tuple[list[list[Trial]], dict[str, Result]]:
    """Return the blocks of a race, and the results."""
    blocks: list[list[Trial]] = []
    results: dict[str, Result] = {}
    while block := race.next(results):
        blocks.append(block)
        for run in (run for trial in block for run in trial.runs):
            parameters = run.parameters
            results[run.run_id] = result_of(
                run, value(parameters.l2, parameters.global_seed), metric
            )
    return blocks, results


def noise(l2: float, seed: int) -> float:
    return float(np.random.default_rng([round(1000 * l2), seed]).normal())


def test_all_settings_get_the_same_fresh_seeds_in_complete_blocks(tmp_path: Path) -> None:
    race = race_of(make_experiment(tmp_path), {0.1: 0.8, 0.2: 0.9, 0.3: 0.7, 0.4: 0.6})
    blocks, _ = carry_out(race, lambda l2, seed: 0.7 + 0.01 * noise(l2, seed))
    *racing, confirming = blocks
    assert [len(block[0].runs) for block in racing] == [8, 4, 4, 4]
    l2s = [[trial.runs[0].parameters.l2 for trial in block] for block in racing]
    assert l2s[0] == [0.2, 0.1, 0.3, DEFAULT], "the best three by value, and the default"
    seeds = [run.parameters.seeds for block in racing for run in block[0].runs]
    assert seeds == [(number, number, 0) for number in range(2, 22)]
    further = [run.parameters.seeds for run in confirming[0].runs]
    assert further == [(number, number, 0) for number in range(22, 30)]
    purposes = {trial.purpose for block in racing for trial in block}
    assert purposes == {Purpose.RACE}
    assert not Purpose.RACE.is_tested
    assert {trial.purpose for trial in confirming} == {Purpose.CONFIRMATION}
    assert confirming[-1].runs[0].parameters.l2 == DEFAULT


def test_a_lucky_and_fragile_setting_drops_out(tmp_path: Path) -> None:
    race = race_of(make_experiment(tmp_path), {0.1: 0.95, 0.2: 0.8})

    def value(l2: float, seed: int) -> float:
        if l2 == 0.1:
            return 0.95 if seed % 5 == 0 else 0.17
        return (0.75 if l2 == 0.2 else 0.6) + 0.01 * noise(l2, seed)

    blocks, results = carry_out(race, value)
    winner = race.winner(results)
    assert winner is not None
    assert winner.choices == {"l2": 0.2}
    fragile = next(each for each in race.standings(results) if each.candidate.promised == 0.95)
    assert not fragile.is_left
    assert fragile.failed == sum(value < 0.2 for value in fragile.values.values()) > 4
    confirmed = race.confirmed(winner, results, "val_accuracy")
    assert confirmed is not None
    assert confirmed.text == "better"
    assert confirmed.mean == pytest.approx(0.75, abs=0.02)
    assert confirmed.reference == pytest.approx(0.6, abs=0.02)
    trained = {run.parameters.seeds for run in blocks[-1][0].runs}
    assert trained.isdisjoint(fragile.values), "the numbers come from seeds outside the race"


def test_a_setting_that_is_out_gets_no_more_seeds_and_a_race_of_one_ends(tmp_path: Path) -> None:
    race = race_of(make_experiment(tmp_path), {0.1: 0.9, 0.2: 0.8})
    means = {0.1: 0.9, 0.2: 0.7, DEFAULT: 0.5}
    blocks, results = carry_out(race, lambda l2, seed: means[l2] + 0.01 * noise(l2, seed))
    assert [len(block) for block in blocks] == [3, 3, 2], "with 12 seeds two are clearly worse"
    assert [len(each.values) for each in race.standings(results)] == [12, 12, 12]
    assert [each.is_left for each in race.standings(results)] == [True, False, False]


def test_what_is_next_depends_on_the_results_alone(tmp_path: Path) -> None:
    def value(l2: float, seed: int) -> float:
        return 0.6 + 0.05 * l2 + 0.1 * noise(l2, seed)

    promised = {0.5: 0.9, 1.0: 0.8, 3.0: 0.7}
    experiment = make_experiment(tmp_path)
    blocks, results = carry_out(race_of(experiment, promised), value)
    for count in range(len(blocks) + 1):
        known = {
            run.run_id: results[run.run_id]
            for block in blocks[:count]
            for trial in block
            for run in trial.runs
        }
        rest = blocks[count] if count < len(blocks) else []
        assert race_of(experiment, promised).next(known) == rest
        if rest:  # A block is repeated as a whole: its runs that are finished are found.
            first = rest[0].runs[0].run_id
            again = race_of(experiment, promised).next({**known, first: results[first]})
            assert again == rest


@pytest.mark.slow
def test_equal_settings_seldom_drop_out(tmp_path: Path) -> None:
    experiment = make_experiment(tmp_path)
    dropped = 0
    for number in range(30):

        def value(l2: float, seed: int, number: int = number) -> float:
            return 0.6 + 0.1 * noise(l2 + number, seed)

        race = race_of(experiment, {0.1: 0.9, 0.2: 0.8, 0.3: 0.7})
        _, results = carry_out(race, value)
        dropped += any(not each.is_left for each in race.standings(results))
    assert dropped <= 4, "5 % of the races, so that 5 or more of 30 have probability 0.02"


def test_of_settings_with_about_the_same_mean_the_robust_one_wins(tmp_path: Path) -> None:
    race = race_of(make_experiment(tmp_path), {0.1: 0.9, 0.2: 0.8})

    def value(l2: float, seed: int) -> float:
        if l2 == 0.1:
            return 0.17 if seed % 5 == 0 else 0.9
        return (0.74 if l2 == 0.2 else 0.6) + 0.01 * noise(l2, seed)

    _, results = carry_out(race, value)
    by_l2 = {each.candidate.setting.parameters.l2: each for each in race.standings(results)}
    assert by_l2[0.1].is_left
    difference = (by_l2[0.1].mean or 0) - (by_l2[0.2].mean or 0)
    assert 0 < difference < 0.02, "within the margin"
    winner = race.winner(results)
    assert winner is not None
    assert winner.setting.parameters.l2 == 0.2


def test_a_setting_that_only_guesses_does_not_win_by_its_small_spread(tmp_path: Path) -> None:
    experiment = make_experiment(tmp_path, "{candidates: 1, at_least: 2, at_most: 3}")
    race = race_of(experiment, {0.1: 0.9})
    values = {2: 0.17, 3: 0.17, 4: 0.9}
    _, results = carry_out(race, lambda l2, seed: values.get(seed, 0.17) if l2 else 0.17)
    winner = race.winner(results)
    assert winner is not None
    assert not winner.is_default


def test_what_the_store_has_beyond_the_race_changes_nothing(tmp_path: Path) -> None:
    """Other searches and sweeps may have trained a setting with seeds after it dropped out."""
    race = race_of(make_experiment(tmp_path), {0.1: 0.9, 0.2: 0.8})
    means = {0.1: 0.9, 0.2: 0.89, DEFAULT: 0.5}

    def value(l2: float, seed: int) -> float:
        late = 0.5 if l2 == DEFAULT and seed > 13 else 0.0
        return means[l2] + 0.01 * noise(l2, seed) + late

    _, results = carry_out(race, value)
    before = race.standings(results)
    assert len(before[-1].values) == 12, "the default dropped out"
    surplus = {
        run.run_id: result_of(run, value(run.parameters.l2, run.parameters.global_seed))
        for candidate in race.candidates
        for run in race._part(candidate, 0, 20).runs
    }
    again = race_of(make_experiment(tmp_path), {0.1: 0.9, 0.2: 0.8})
    assert again.standings(surplus | results) == before
    assert again.winner(surplus | results) == race.winner(results)


def test_a_setting_that_is_usually_better_but_worse_on_average_drops_out(tmp_path: Path) -> None:
    race = race_of(make_experiment(tmp_path), {0.1: 0.9, 0.2: 0.8})

    def value(l2: float, seed: int) -> float:
        if l2 == 0.1:
            return 0.17 if seed % 9 == 8 else 0.72 + 0.001 * (seed % 3)
        return 0.7 if l2 == 0.2 else 0.69

    _, results = carry_out(race, value)
    fragile = next(each for each in race.standings(results) if each.candidate.promised == 0.9)
    assert not fragile.is_left
    assert sum(each > 0.7 for each in fragile.values.values()) > len(fragile.values) / 2


def test_a_race_in_which_all_fail_ends_without_a_winner(tmp_path: Path) -> None:
    race = race_of(make_experiment(tmp_path), {0.1: 0.9, 0.2: 0.8})
    blocks, results = carry_out(race, lambda l2, seed: np.nan if seed == 3 else 0.7)
    assert len(blocks) == 1
    assert race.winner(results) is None
    assert all(each.has_failed for each in race.standings(results))


def test_the_default_may_win(tmp_path: Path) -> None:
    race = race_of(make_experiment(tmp_path), {0.1: 0.9, 0.2: 0.8})
    blocks, results = carry_out(race, lambda l2, seed: 0.7 - l2 + 0.01 * noise(l2, seed))
    winner = race.winner(results)
    assert winner is not None
    assert winner.is_default
    assert [trial.title for trial in blocks[-1]] == ["confirmation of the default"]
    confirmed = race.confirmed(winner, results, "val_accuracy")
    assert confirmed is not None
    assert confirmed.reference is None


def test_a_trial_that_is_the_default_takes_part_once(tmp_path: Path) -> None:
    race = race_of(make_experiment(tmp_path), {DEFAULT: 0.9, 0.2: 0.8})
    assert [each.title for each in race.candidates] == ["default", "trial 1"]
    assert race.default.promised == 0.9


def test_the_same_point_of_several_trials_takes_part_once(tmp_path: Path) -> None:
    experiment = make_experiment(tmp_path)
    trial = search_trial(
        experiment, 0, experiment.setting(experiment.point({"l2": 0.1}), "data"), {"l2": 0.1}
    )
    ends = [TrialEnd(trial, TrialState.COMPLETE, value) for value in (0.9, 0.8)]
    race = make_race(experiment, experiment.search, ends, "data")
    assert race is not None
    assert [each.promised for each in race.candidates] == [0.9, None]


def test_a_setting_with_a_failed_run_drops_out(tmp_path: Path) -> None:
    race = race_of(make_experiment(tmp_path), {0.1: 0.9, 0.2: 0.8})
    blocks, results = carry_out(
        race, lambda l2, seed: np.nan if (l2, seed) == (0.1, 4) else 0.7 + l2
    )
    assert len(blocks[1]) == 2
    winner = race.winner(results)
    assert winner is not None
    assert winner.setting.parameters.l2 == 0.2


def test_of_a_loss_the_smallest_wins(tmp_path: Path) -> None:
    experiment = make_experiment(tmp_path, objective="val_loss")
    race = race_of(experiment, {0.1: 0.3, 0.2: 0.2, 0.3: 0.1, 0.4: 0.9})
    assert [each.promised for each in race.candidates] == [0.1, 0.2, 0.3, None]
    _, results = carry_out(race, lambda l2, seed: 1.0 - l2 + 0.01 * noise(l2, seed), "val_loss")
    winner = race.winner(results)
    assert winner is not None
    assert winner.setting.parameters.l2 == 0.3


def test_a_count_confirms_the_best_trial_without_a_race(tmp_path: Path) -> None:
    race = race_of(make_experiment(tmp_path, confirm="3"), {0.1: 0.9, 0.2: 0.8})
    (block,), results = carry_out(race, lambda l2, seed: 0.7)
    assert [trial.runs[0].parameters.l2 for trial in block] == [0.1, DEFAULT]
    assert [run.parameters.global_seed for run in block[0].runs] == [2, 3, 4]
    winner = race.winner(results)
    assert winner is not None
    assert winner.promised == 0.9


def test_without_confirm_there_is_no_race(tmp_path: Path) -> None:
    experiment = make_experiment(tmp_path, confirm="0")
    trial = search_trial(
        experiment, 0, experiment.setting(experiment.point({"l2": 0.1}), "data"), {"l2": 0.1}
    )
    ends = [TrialEnd(trial, TrialState.COMPLETE, 0.9)]
    assert make_race(experiment, experiment.search, ends, "data") is None


def test_it_is_over_when_the_confirmation_is_tested(tmp_path: Path) -> None:
    race = race_of(make_experiment(tmp_path), {0.1: 0.9})
    blocks, results = carry_out(race, lambda l2, seed: 0.7 + l2 + 0.01 * noise(l2, seed))
    assert not race.is_over(results), "its last runs are not tested"
    tested = {
        run.run_id: Result(run.run_id, State.FINISHED, {"val_accuracy": 0.7, "test_accuracy": 0.6})
        for trial in blocks[-1]
        for run in trial.runs
    }
    assert race.is_over(results | tested)
    killed = {blocks[0][0].runs[0].run_id: Result("killed", State.KILLED)}
    assert not race.is_over(results | tested | killed)


def test_settings_whose_early_stopping_differs_do_not_drop_out_and_have_no_verdict(
    tmp_path: Path,
) -> None:
    experiment = make_experiment(tmp_path)
    plain = experiment.setting(experiment.point({"l2": 0.1}), "data")
    rule = PARAMETERS["early_stopping"].component("", {"patience": 5})
    setting = replace(plain, parameters=replace(plain.parameters, early_stopping=rule))
    trial = search_trial(experiment, 0, setting, {"l2": 0.1})
    ends = [TrialEnd(trial, TrialState.COMPLETE, 0.9)]
    race = make_race(experiment, experiment.search, ends, "data")
    assert race is not None
    blocks, results = carry_out(race, lambda l2, seed: 0.9 if l2 else 0.5)
    assert [len(block) for block in blocks] == [2, 2, 2, 2, 2], "both stay to the end"
    winner = race.winner(results)
    assert winner is not None
    assert winner.setting == setting
    known = race.confirmed(winner, results, "val_accuracy")
    assert known is not None
    assert (known.mean, known.reference) == pytest.approx((0.9, 0.5))
    assert (known.is_comparable, known.judgement) == (False, Judgement.UNDECIDED)
