"""The blocks of seeds in which the runs of a plan are trained."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from signs_sweep.analysis.comparison import compare_settings
from signs_sweep.commands.outcome import rows_of, rules_of
from signs_sweep.domain import Result, Trial
from signs_sweep.planning.plan import Part, Plan
from signs_sweep.sweep.blocks import SEEDS_A_BLOCK


class Blocks:
    """Decides after each complete block of seeds which runs of a plan are trained next.

    The settings of an experiment that grows get its first seeds, then further blocks as long as
    their verdict is undecided, together with their baseline. All others get all of their seeds in
    the first block. With a budget, a block is a single seed.
    """

    def __init__(
        self,
        plan: Plan,
        budget: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin.

        Args:
            plan: the plan, with the largest number of seeds that each setting may get.
            budget: seconds from now after which no block ends, if that can be foreseen.
            clock: returns the time in seconds.
        """
        self._plan = plan
        self._budget = budget
        self._clock = clock
        self._began = self._last = clock()
        self._longest = 0.0
        self._goals: dict[str, int] = {}
        """By trial, the number of runs that it is to get for now: those of the first seeds."""
        self._given: dict[str, int] = {}
        """By trial, the number of runs in the blocks so far."""
        for part in plan.parts:
            growth = part.experiment.growth
            for trial in part.trials:
                most = len(trial.runs)  # Overrides of seeds may leave fewer than the spec has.
                least = growth.at_least * part.experiment.splits if growth else most
                self._goals[_key(trial)] = min(least, most)
                self._given[_key(trial)] = 0
        self.is_out_of_time = False

    @property
    def plan(self) -> Plan:
        """The plan with the runs of the blocks so far, at first with those of the first block."""
        return Plan(tuple(self._part(part) for part in self._plan.parts))

    def _part(self, part: Part) -> Part:
        counts = self._given if any(self._given.values()) else self._goals
        return Part(
            part.experiment,
            tuple(_cut(trial, 0, counts[_key(trial)]) for trial in part.trials),
        )

    def next(self, results: Mapping[str, Result]) -> list[Trial]:
        """Return the trials of the next block, each with the runs that are added; none at the end.

        Args:
            results: by run_id, the results of all runs of the earlier blocks.
        """
        if not self._trials():
            self._set_goals(results)
        trials = self._trials()
        if not trials or self._would_be_late():
            return []
        for trial in trials:
            self._given[_key(trial)] += len(trial.runs)
        return _in_order_of_training(trials)

    def _trials(self) -> list[Trial]:
        """Return what is missing to the goals; with a budget, one seed of it."""
        trials: list[Trial] = []
        for part in self._plan.parts:
            for trial in part.trials:
                given, goal = self._given[_key(trial)], self._goals[_key(trial)]
                is_whole = self._budget is None
                end = goal if is_whole else min(given + part.experiment.splits, goal)
                if given < end:
                    trials.append(_cut(trial, given, end))
        return trials

    def _would_be_late(self) -> bool:
        """Whether the budget would be exceeded by a block as long as the longest so far."""
        if self._budget is None:
            return False
        now = self._clock()
        self._longest = max(self._longest, now - self._last)
        self._last = now
        is_late = now - self._began + self._longest > self._budget
        self.is_out_of_time = is_late and any(self._given.values())
        return self.is_out_of_time

    def _set_goals(self, results: Mapping[str, Result]) -> None:
        """Give a further block to all undecided settings, and to their baselines."""
        for part in self.plan.parts:
            growth = part.experiment.growth
            if growth is None:
                continue
            (comparison,) = compare_settings(rows_of(part, results), rules_of(self._plan))
            by_run = {trial.run_ids[0]: trial for trial in part.trials}
            for setting, other, verdict in comparison.entries:
                if verdict is None or other is None or verdict.judgement.is_clear or verdict.gap:
                    continue
                for group in (setting, other):
                    key = _key(by_run[group.rows[0].run_id])
                    splits = part.experiment.splits
                    goal = self._given[_key(by_run[setting.rows[0].run_id])]
                    goal += SEEDS_A_BLOCK * splits
                    most = min(growth.at_most, len(part.experiment.seeds)) * splits
                    self._goals[key] = max(self._goals[key], min(goal, most))


def _key(trial: Trial) -> str:
    return f"{trial.experiment}/{trial.number}"


def _cut(trial: Trial, start: int, end: int) -> Trial:
    """Return a trial with some of its runs."""
    if end - start == len(trial.runs):
        return trial
    return replace(
        trial,
        key=f"{trial.key}/{start}-{end}",
        runs=trial.runs[start:end],
        baselines=trial.baselines[start:end],
        is_part=True,
    )


def _in_order_of_training(trials: Sequence[Trial]) -> list[Trial]:
    """Return trials such that, of those that share trajectories, the sooner stopped come first.

    With the same patience, the shorter do. The others then resume from their ends. The rest stays
    in the order of the plan.
    """
    first: dict[tuple[str, ...], int] = {}

    def place(trial: Trial) -> tuple[int, *tuple[float, ...]]:
        path = tuple(run.trajectory_id for run in trial.runs)
        return first.setdefault(path, len(first)), *trial.runs[0].reach

    return sorted(trials, key=place)


@dataclass(frozen=True)
class Outlook:
    """What a plan needs, given the runs that are known.

    Attributes:
        least: the plan with the runs up to the first block that has an unknown run.
        most: the plan with all runs that may be needed.
        is_settled: whether all runs that are needed are known.
    """

    least: Plan
    most: Plan
    is_settled: bool


def outlook(plan: Plan, known: Mapping[str, Result]) -> Outlook:
    """Return what a plan needs, given the results that are known, by run_id."""
    blocks = Blocks(plan)
    while trials := blocks.next(known):
        if any(run.run_id not in known for trial in trials for run in trial.runs):
            growing = {_key(trial) for trial in trials}
            given = {_key(trial): trial for trial in blocks.plan.trials}
            most = [
                Part(
                    part.experiment,
                    tuple(
                        trial if _key(trial) in growing else given[_key(trial)]
                        for trial in part.trials
                    ),
                )
                for part in plan.parts
            ]
            return Outlook(blocks.plan, Plan(tuple(most)), is_settled=False)
    return Outlook(blocks.plan, blocks.plan, is_settled=True)
