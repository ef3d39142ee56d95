"""Blocks of seeds: what is trained next depends on the results of complete blocks only."""

import math
import random
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from signs_sweep.commands.blocks import Blocks, outlook
from signs_sweep.domain import Parameters, Result, Run, Seeds, State, Trial
from signs_sweep.planning.plan import Plan, make_plan
from signs_sweep.spec import load
from signs_sweep.sweep.blocks import BlockScheduler

GROWING = """
name: toy
grid: {l2: [0, 0.1, 0.2]}
seeds: {until: clear, at_least: 9, at_most: 16}
verdict: {metric: test_accuracy}
baseline: {l2: 0}
"""
FOLDS = f"{GROWING}split: {{folds: 3, repeats: 2}}\n"
FIXED = "name: toy\ngrid: {l2: [0, 0.1]}\nseeds: 3\nbaseline: {l2: 0}\n"


def plan_of(folder: Path, text: str) -> Plan:
    (folder / "toy.yaml").write_text(text, encoding="utf-8")
    return make_plan([(load(folder / "toy.yaml"), "data")])


def accuracy(parameters: Parameters) -> float:
    """Return an accuracy: l2 = 0.1 is clearly better, l2 = 0.2 is sometimes better."""
    noise = random.Random(f"{parameters.seeds}").randint(1, 9) / 200
    gain = {0.0: 0.0, 0.1: 0.1, 0.2: random.Random(f"{parameters}").choice([-0.05, 0.05])}
    return 0.5 + gain[parameters.l2] + noise * (parameters.l2 == 0.1)


def result(run: Run) -> Result:
    metrics = {"test_accuracy": accuracy(run.parameters)}
    return Result(run.run_id, State.FINISHED, metrics)


def carried_out(
    blocks: Blocks, outcome: Callable[[Run], Result] = result
) -> tuple[list[list[Trial]], dict[str, Result]]:
    """Train block after block; return the blocks and all results."""
    done: list[list[Trial]] = []
    results: dict[str, Result] = {}
    while trials := blocks.next(results):
        done.append(trials)
        results |= {run.run_id: outcome(run) for trial in trials for run in trial.runs}
    return done, results


def amounts(plan: Plan) -> dict[float, int]:
    return {trial.setting.parameters.l2: len(trial.runs) for trial in plan.trials}


def test_a_fixed_number_of_seeds_is_a_single_block(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, FIXED)
    done, _ = carried_out(Blocks(plan))
    assert done == [plan.trials]


def test_only_undecided_settings_and_their_baseline_get_more_seeds(tmp_path: Path) -> None:
    blocks = Blocks(plan_of(tmp_path, GROWING))
    done, _ = carried_out(blocks)
    assert [sum(len(trial.runs) for trial in block) for block in done] == [27, 8, 6]
    assert amounts(blocks.plan) == {0.0: 16, 0.1: 9, 0.2: 16}
    seeds = [run.parameters.init_seed for trial in blocks.plan.trials for run in trial.runs]
    assert seeds == [*range(16), *range(9), *range(16)]
    assert len({trial.key for block in done for trial in block}) == 7


def test_the_runs_are_the_same_whatever_the_order_in_which_they_end(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, GROWING)
    expected = outcome_of(plan, random.Random(0), workers=1)
    for workers in (2, 5, 40):
        assert outcome_of(plan, random.Random(workers), workers) == expected


def outcome_of(plan: Plan, order: random.Random, workers: int) -> set[str]:
    """Return the runs that a scheduler hands out to workers that end in any order."""
    scheduler = BlockScheduler(Blocks(plan).next)
    opened: list[Trial] = []
    seen: set[str] = set()
    while True:
        while len(opened) < workers and (trial := scheduler.ask()):
            opened.append(trial)
        if not opened:
            return seen
        trial = opened.pop(order.randrange(len(opened)))
        seen |= set(trial.run_ids)
        scheduler.tell(trial, [result(run) for run in trial.runs])


@pytest.mark.parametrize("count", [0, 5, 27, 30, 41])
def test_what_is_known_is_not_needed_again_and_leads_to_the_same_runs(
    tmp_path: Path, count: int
) -> None:
    plan = plan_of(tmp_path, GROWING)
    blocks = Blocks(plan)
    _, results = carried_out(blocks)
    known = dict(list(results.items())[:count])

    looked = outlook(plan, known)

    assert looked.is_settled == (count == 41)
    assert set(looked.least.runs) <= set(blocks.plan.runs) <= set(looked.most.runs)
    scheduler, trained = BlockScheduler(Blocks(plan).next), set()
    while trial := scheduler.ask():
        trained |= set(trial.run_ids) - set(known)
        scheduler.tell(trial, [results[run_id] for run_id in trial.run_ids])
    assert trained == set(results) - set(known)


def test_the_outlook_shows_the_least_and_the_most(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, GROWING)
    _, results = carried_out(Blocks(plan))
    first = {
        run.run_id: results[run.run_id]
        for trial in Blocks(plan).next({})
        for run in trial.runs
    }  # fmt: skip

    at_first, then = outlook(plan, {}), outlook(plan, first)

    assert amounts(at_first.least) == {0.0: 9, 0.1: 9, 0.2: 9}
    assert amounts(at_first.most) == {0.0: 16, 0.1: 16, 0.2: 16}
    assert amounts(then.least) == {0.0: 13, 0.1: 9, 0.2: 13}
    assert amounts(then.most) == {0.0: 16, 0.1: 9, 0.2: 16}


def test_a_setting_with_a_missing_seed_gets_no_more(tmp_path: Path) -> None:
    def with_crash(run: Run) -> Result:
        is_lost = run.parameters.l2 == 0.2 and run.parameters.init_seed == 4
        return Result(run.run_id, State.FAILED) if is_lost else result(run)

    blocks = Blocks(plan_of(tmp_path, GROWING))
    done, _ = carried_out(blocks, with_crash)
    assert len(done) == 1
    assert amounts(blocks.plan) == {0.0: 9, 0.1: 9, 0.2: 9}


def test_a_block_has_every_split_of_its_seeds(tmp_path: Path) -> None:
    """With folds, a third of a partition would be no result."""
    plan = plan_of(tmp_path, FOLDS)
    blocks = Blocks(plan)
    _, results = carried_out(blocks)
    given = amounts(blocks.plan)
    assert given[0.0] == given[0.2] > given[0.1] == 9 * 6
    assert all(count % 6 == 0 for count in given.values())
    for trial in blocks.plan.trials:
        splits = [run.parameters.split_seed for run in trial.runs]
        assert splits == [*range(6)] * (len(trial.runs) // 6)
    _, seeds = within(plan, 1e6, {})
    assert seeds == list(range(given[0.0] // 6))
    assert outcome_of(plan, random.Random(1), workers=5) == set(results)


class Clock:
    """A clock that runs while blocks are trained."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def within(plan: Plan, budget: float, seconds: Mapping[int, float]) -> tuple[Blocks, list[int]]:
    """Train within a budget; return the seeds of each block. Seconds of a block are by seed."""
    clock = Clock()
    blocks = Blocks(plan, budget, clock)
    results: dict[str, Result] = {}
    seeds: list[int] = []
    while trials := blocks.next(results):
        (seed,) = {run.parameters.init_seed for trial in trials for run in trial.runs}
        seeds.append(seed)
        results |= {run.run_id: result(run) for trial in trials for run in trial.runs}
        clock.now += seconds.get(seed, 10)
    return blocks, seeds


@pytest.mark.parametrize(("budget", "count"), [(1000, 3), (30, 3), (29, 2), (15, 1), (1, 1)])
def test_a_budget_ends_between_seeds(tmp_path: Path, budget: float, count: int) -> None:
    blocks, seeds = within(plan_of(tmp_path, FIXED), budget, {})
    assert seeds == [0, 1, 2][:count]
    assert amounts(blocks.plan) == {0.0: count, 0.1: count}
    assert blocks.is_out_of_time == (count < 3)


def test_no_seed_begins_that_would_end_late_like_the_longest(tmp_path: Path) -> None:
    _, seeds = within(plan_of(tmp_path, FIXED), 45, {0: 20, 1: 10})
    assert seeds == [0, 1]


def test_seeds_that_grow_within_a_budget_are_judged_at_the_same_places(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, GROWING)
    blocks, seeds = within(plan, 1e6, {})
    assert seeds == list(range(16))
    assert amounts(blocks.plan) == {0.0: 16, 0.1: 9, 0.2: 16}


def test_shorter_runs_of_a_block_come_before_longer_ones_that_continue_them(
    tmp_path: Path,
) -> None:
    plan = plan_of(tmp_path, "name: toy\ngrid: {epochs: [30, 20]}\nseeds: 2\n")
    (block,) = carried_out(Blocks(plan))[0]
    assert [trial.epochs for trial in block] == [20, 30]


def test_runs_that_stop_earlier_come_first_so_that_others_continue_them(tmp_path: Path) -> None:
    rules = "none, {patience: 9}, {patience: 5}, {patience: 7, restore: last}"
    text = f"name: toy\nvalidation: 0.2\ngrid: {{early_stopping: [{rules}]}}\n"
    (block,) = carried_out(Blocks(plan_of(tmp_path, text)))[0]
    patience = [trial.runs[0].reach[0] for trial in block]
    assert patience == [5, 7, 9, math.inf]
    cases = (
        "{epochs: 25, early_stopping: {patience: 20}}, {epochs: 30, early_stopping: {patience: 3}}"
    )
    text = f"name: toy\nvalidation: 0.2\ncases: [{cases}]\n"
    (block,) = carried_out(Blocks(plan_of(tmp_path, text)))[0]
    assert [trial.epochs for trial in block] == [30, 25]


def test_further_seeds_follow_those_of_the_spec(tmp_path: Path) -> None:
    (tmp_path / "toy.yaml").write_text(
        "name: toy\nseeds: [{global_seed: 3, init_seed: 0}, {global_seed: 1, init_seed: 1}]\n"
    )
    experiment = load(tmp_path / "toy.yaml")
    assert experiment.with_seeds(5).seeds == tuple(
        Seeds(*pair) for pair in ((3, 0), (1, 1), (0, 0), (2, 2), (3, 3))
    )
    assert experiment.with_seeds(1).seeds == (Seeds(3, 0),)


def test_further_seeds_have_their_own_splits_if_the_others_have(tmp_path: Path) -> None:
    rows = [f"{{global_seed: {n}, init_seed: {n}, split_seed: {n + 1}}}" for n in range(2)]
    text = f"name: toy\nvalidation: 0.2\nseeds: [{', '.join(rows)}]\n"
    (tmp_path / "toy.yaml").write_text(text, encoding="utf-8")
    own = load(tmp_path / "toy.yaml").with_seeds(4)
    assert own.seeds == (Seeds(0, 0, 1), Seeds(1, 1, 2), Seeds(2, 2, 2), Seeds(3, 3, 3))
    (tmp_path / "toy.yaml").write_text(text.replace("split_seed: 2", "split_seed: 1"))
    same = load(tmp_path / "toy.yaml").with_seeds(4)
    assert [each.split_seed for each in same.seeds] == [1, 1, 0, 0]


def test_overrides_of_all_seeds_leave_a_single_pair(tmp_path: Path) -> None:
    (tmp_path / "toy.yaml").write_text(GROWING, encoding="utf-8")
    experiment = load(tmp_path / "toy.yaml", ["global_seed=5", "init_seed=5"])
    blocks = Blocks(make_plan([(experiment, "data")]))
    done, _ = carried_out(blocks)
    assert len(done) == 1
    assert amounts(blocks.plan) == {0.0: 1, 0.1: 1, 0.2: 1}
