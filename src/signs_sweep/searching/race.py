"""The race that finds the winner of a search: its best settings and the default over fresh seeds.

The best value of a search is the largest of many noisy values, so its point is often lucky or
fragile. In the race, all settings are trained with the same fresh seeds, in complete blocks. After
each block, settings that are clearly worse than another drop out. The numbers that are reported of
the winner come from further seeds, which played no part in its choice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations

import numpy as np

from signs_sweep.analysis.comparison import for_metric
from signs_sweep.analysis.judging import Family, judge
from signs_sweep.analysis.settings import Replicates
from signs_sweep.domain import (
    SEED_NAMES,
    Judgement,
    Purpose,
    Result,
    Row,
    Seeds,
    Setting,
    Trial,
    TrialEnd,
    VerdictRule,
    is_higher_better,
    ranked,
)
from signs_sweep.searching.candidates import Candidate, Confirmed, Standing
from signs_sweep.searching.trials import fresh_seeds
from signs_sweep.spec import Confirm, Experiment, Search
from signs_sweep.sweep.blocks import SEEDS_A_BLOCK


@dataclass(frozen=True)
class _Progress:
    """How far a race is after a block.

    Attributes:
        left: the candidates that are neither clearly worse than another nor failed.
        raced: by candidate, the number of seeds that it got in the race.
        given: the number of seeds so far.
        is_end: whether this is the end of the race.
    """

    left: tuple[Candidate, ...]
    raced: Mapping[Candidate, int]
    given: int
    is_end: bool

    def has_lost(self, pair: tuple[Candidate, Candidate]) -> bool:
        """Whether both of a pair have dropped out."""
        return not any(candidate in self.left for candidate in pair)


class Race:
    """Decides after each complete block of seeds what is trained next.

    Everything follows from the results of complete blocks, so a race that was killed resumes where
    it was, and the number of workers changes nothing.

    Attributes:
        candidates: the settings that take part, the best of the search first.
        default: the default, whether or not it takes part.
    """

    def __init__(
        self,
        experiment: Experiment,
        candidates: Sequence[Candidate],
        default: Candidate,
        confirm: Confirm,
        seeds: Sequence[Seeds],
    ) -> None:
        """Begin.

        Args:
            experiment: the experiment that was searched.
            candidates: at least one. With one, there is no race.
            default: the spec's `base`.
            confirm: how many seeds each of them gets.
            seeds: fresh seeds: `at_most` for the race, then `at_least` for the confirmation.
        """
        self.candidates = tuple(candidates)
        self.default = default
        self._experiment = experiment
        self._confirm = confirm
        self._in_race = seeds[: confirm.at_most] if len(candidates) > 1 else ()
        self.further = tuple(seeds[len(self._in_race) :][: confirm.at_least])
        objective = experiment.search.objective
        self._metric = objective.metric
        self._maximize = objective.maximize
        self._judged: dict[int, _Progress] = {}
        """By number of seeds, how far the race is after that block: results never change."""

    def next(self, results: Mapping[str, Result]) -> list[Trial]:
        """Return the trials of the next block; none at the end.

        Args:
            results: by run_id, the results of all runs of the earlier blocks.
        """
        after = self._after_blocks(results)
        if not after.is_end:
            end = self._block_end(after.given)
            return [self._part(candidate, after.given, end) for candidate in after.left]
        winner = self._winner_of(after, results)
        return [
            trial
            for trial in (self.confirming(winner) if winner else ())
            if any(run_id not in results for run_id in trial.run_ids)
        ]

    def winner(self, results: Mapping[str, Result]) -> Candidate | None:
        """Return the winner; None before the end of the race, and if a run of each has failed."""
        after = self._after_blocks(results)
        return self._winner_of(after, results) if after.is_end else None

    def confirming(self, winner: Candidate) -> list[Trial]:
        """Return the trials of the winner and the default over the further seeds."""
        pair = [winner] if winner.is_default else [winner, self.default]
        return [self._confirming(candidate) for candidate in pair]

    @cached_property
    def racing_ids(self) -> frozenset[str]:
        """The ids of all runs that the race may need."""
        trials = [self._part(each, 0, len(self._in_race)) for each in self.candidates]
        return frozenset(run_id for trial in trials for run_id in trial.run_ids)

    @cached_property
    def run_ids(self) -> frozenset[str]:
        """The ids of all runs that the race and the confirmation may need."""
        trials = [self._confirming(each) for each in (*self.candidates, self.default)]
        return self.racing_ids.union(run_id for trial in trials for run_id in trial.run_ids)

    def is_over(self, stored: Mapping[str, Result]) -> bool:
        """Whether runs that are in the store leave nothing to train, or to evaluate."""
        known = {
            run_id: result
            for run_id, result in stored.items()
            if result.is_settled or (run_id in self.racing_ids and result.state.is_finished)
        }
        return not self.next(known)

    def standings(self, results: Mapping[str, Result]) -> list[Standing]:
        """Return how far each candidate got, best mean of the race first."""
        after = self._after_blocks(results)
        standings = []
        for candidate in self.candidates:
            replicates = self._raced(candidate, results, after)
            if replicates is None:
                standings.append(Standing(candidate, {}, 0, 0, has_failed=False, is_left=True))
                continue
            values = replicates.scores(self._metric)
            standings.append(
                Standing(
                    candidate,
                    values,
                    failed=sum(replicates.failing.values()),
                    runs=len(replicates.rows),
                    has_failed=len(values) < after.raced[candidate],
                    is_left=candidate in after.left,
                )
            )
        sign = -1 if self._maximize else 1
        return sorted(
            standings,
            key=lambda each: (not each.is_left, each.mean is None, sign * (each.mean or 0.0)),
        )

    def confirmed(
        self, winner: Candidate, results: Mapping[str, Result], metric: str
    ) -> Confirmed | None:
        """Return a metric over the further seeds; None if the winner has no results."""
        rows = {
            each.title: tuple(self._rows(each, self.further, results))
            for each in (winner, self.default)
        }
        own = Replicates((winner.title,), rows[winner.title]) if rows[winner.title] else None
        mean = own.mean(metric) if own else None
        if own is None or mean is None:
            return None
        pairs = len(own.scores(metric))
        if winner.is_default or not rows[self.default.title]:
            return Confirmed(mean, None, pairs, Judgement.UNDECIDED)
        default = Replicates((self.default.title,), rows[self.default.title])
        rule = self._rule(metric)
        verdict = next(iter(judge(Family([(own, default)], [], 1), rule, ()).values()), None)
        if verdict is None:
            reference = default.mean(metric)
            return Confirmed(mean, reference, pairs, Judgement.UNDECIDED, is_comparable=False)
        return Confirmed(
            mean,
            default.mean(metric),
            verdict.pairs,
            verdict.judgement,
            verdict.text,
            verdict.difference,
            verdict.low,
            verdict.high,
            1 - rule.error,
            verdict.least_pairs,
        )

    def _block_end(self, start: int) -> int:
        size = SEEDS_A_BLOCK if start else self._confirm.at_least
        return min(start + size, len(self._in_race))

    def _after_blocks(self, results: Mapping[str, Result]) -> _Progress:
        """Return how far the race is, by the blocks that have results.

        Results of other runs do not count: the store may have runs of a candidate with seeds for
        which it was no longer in the race.
        """
        after = _Progress(self.candidates, {}, 0, is_end=len(self.candidates) == 1)
        while not after.is_end:
            end = self._block_end(after.given)
            parts = [self._part(candidate, after.given, end) for candidate in after.left]
            if any(run_id not in results for part in parts for run_id in part.run_ids):
                break
            after = self._judged.get(end) or self._judged.setdefault(
                end, self._after_block(after, end, results)
            )
        return after

    def _after_block(self, before: _Progress, end: int, results: Mapping[str, Result]) -> _Progress:
        """Drop those with a failed run, and those that are clearly worse than another.

        All pairs of candidates share the error of the spec, also those that have dropped out.
        """
        raced = {**before.raced, **dict.fromkeys(before.left, end)}
        now = _Progress(before.left, raced, end, is_end=False)
        known = {each: self._raced(each, results, now) for each in raced}
        groups = {each: group for each, group in known.items() if group is not None}
        pairs = [pair for pair in combinations(groups, 2) if not before.has_lost(pair)]
        others = [pair for pair in combinations(groups, 2) if before.has_lost(pair)]
        family = Family(
            [(groups[first], groups[second]) for first, second in pairs],
            [(groups[first], groups[second]) for first, second in others],
            len(self.candidates) * (len(self.candidates) - 1) // 2,
            is_brief=True,
        )
        rule = VerdictRule(self._metric, error=self._experiment.verdict.error)
        verdicts = judge(family, rule, ())
        worse: set[Candidate] = set()
        for first, second in pairs:
            verdict = verdicts.get((groups[first].key, groups[second].key))
            if verdict and verdict.judgement.is_clear and verdict.on_average:
                is_first = (verdict.on_average < 0) is not self._is_contrary
                worse.add(first if is_first else second)
        left = tuple(
            each
            for each in before.left
            if each not in worse and len(groups[each].scores(self._metric)) == end
        )
        return _Progress(left, raced, end, is_end=len(left) < 2 or end == len(self._in_race))

    @property
    def _is_contrary(self) -> bool:
        """Whether the objective asks for what is usually worse, such as a large loss."""
        return self._maximize != is_higher_better(self._metric)

    def _winner_of(self, after: _Progress, results: Mapping[str, Result]) -> Candidate | None:
        """Return the candidate with the best mean, or the most robust with about the same mean.

        Of those left, none is clearly worse than another. If several means are within the margin of
        the best, the winner is the candidate that fails to learn least often, of these that with
        the best mean.
        """
        raced = {each: self._raced(each, results, after) for each in after.left}
        sign = 1 if self._maximize else -1
        means: dict[Candidate, float] = {}
        for candidate, replicates in raced.items():
            mean = replicates.mean(self._metric) if replicates else None
            means[candidate] = -np.inf if mean is None else sign * mean
        if not means:
            return None
        margin = self._rule(self._metric).margin or 0.0
        best = max(means.values())
        near = [each for each in means if means[each] >= best - margin or means[each] == best]

        def failures(candidate: Candidate) -> int:
            replicates = raced[candidate]
            return sum(replicates.failing.values()) if replicates else 0

        return min(near, key=lambda each: (failures(each), -means[each]))

    def _rule(self, metric: str) -> VerdictRule:
        return for_metric(self._experiment.verdict, metric)

    def _raced(
        self, candidate: Candidate, results: Mapping[str, Result], after: _Progress
    ) -> Replicates | None:
        """Return the runs of a candidate with the seeds for which it was in the race."""
        seeds = self._in_race[: after.raced.get(candidate, 0)]
        rows = self._rows(candidate, seeds, results)
        return Replicates((candidate.title,), tuple(rows)) if rows else None

    def _rows(
        self, candidate: Candidate, seeds: Sequence[Seeds], results: Mapping[str, Result]
    ) -> list[Row]:
        return [
            Row(
                experiment=self._experiment.name,
                run_id=run.run_id,
                label=candidate.name,
                parameters=run.parameters,
                result=results[run.run_id],
                folds=run.folds,
            )
            for run in self._experiment.replicates(candidate.setting, seeds)
            if run.run_id in results
        ]

    def _part(self, candidate: Candidate, start: int, end: int) -> Trial:
        """Return a candidate with some of the seeds of the race."""
        key = f"{Purpose.RACE.value}/{candidate.setting.key}/{start}-{end}"
        trial = self._trial(candidate, self._in_race[start:end], Purpose.RACE, key)
        return replace(trial, title=f"race of {candidate.name}", is_part=True)

    def _confirming(self, candidate: Candidate) -> Trial:
        key = f"{Purpose.CONFIRMATION.value}/{candidate.setting.key}"
        return self._trial(candidate, self.further, Purpose.CONFIRMATION, key)

    def _trial(
        self, candidate: Candidate, seeds: Sequence[Seeds], purpose: Purpose, key: str
    ) -> Trial:
        default = self._experiment.replicates(self.default.setting, seeds)
        return Trial(
            key=key,
            experiment=self._experiment.name,
            purpose=purpose,
            number=0,
            title=f"{purpose.value} of {candidate.name}",
            runs=self._experiment.replicates(candidate.setting, seeds),
            label=f"{candidate.title}, fresh seeds",
            baselines=tuple(run.run_id for run in default),
            choices=candidate.choices,
        )


def make_race(
    experiment: Experiment, search: Search, ends: Sequence[TrialEnd], data: str
) -> Race | None:
    """Return the race of the best trials of a search with the default.

    Args:
        experiment: the experiment that was searched.
        search: its `search` section.
        ends: how the trials of the search ended.
        data: fingerprint of the data.

    Returns:
        The race, or None without a completed trial and without `confirm`.
    """
    confirm = search.confirm
    complete = ranked(ends, maximize=search.objective.maximize)
    if not complete or confirm is None:
        return None
    setting = experiment.setting(experiment.point({}), data)
    names = [name for name in setting.parameters.significant if name not in SEED_NAMES]
    choices = {name: setting.parameters.text(name) for name in names}
    default = Candidate("default", setting, None, choices | setting.model.values, is_default=True)
    best: dict[Setting, Candidate] = {}
    for end in complete:
        if end.trial.setting == setting:
            if default.promised is None:
                default = replace(default, promised=end.value)
            best.setdefault(setting, default)
        else:
            best.setdefault(end.trial.setting, Candidate.of(end))
    candidates = list(best.values())[: max(confirm.candidates, 1)]
    if confirm.candidates and default not in candidates:
        candidates.append(default)
    count = confirm.at_least + (confirm.at_most if len(candidates) > 1 else 0)
    return Race(experiment, candidates, default, confirm, fresh_seeds(experiment, count))
