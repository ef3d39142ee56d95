"""The history of a search, and what it promised against what held, from the tracking store."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property

from signs_sweep.analysis.answer import signed
from signs_sweep.analysis.comparison import compare_settings, for_metric
from signs_sweep.analysis.verdict import Verdict
from signs_sweep.domain import METRICS, Purpose, Row, State, TrialState, VerdictRule
from signs_sweep.domain.formats import count, measure
from signs_sweep.errors import UnknownExperimentError
from signs_sweep.reporting.content import Fact, SearchReport, Stage, TrialReport
from signs_sweep.spec import Objective
from signs_sweep.tracking import MlflowIndex, SweepInfo, TrialInfo

_TEST = "test_accuracy"


@dataclass(frozen=True, eq=False)
class SearchHistory:
    """The latest search of an experiment, as the store has it.

    Attributes:
        experiment: name of the experiment.
        sweep: the record of the search.
        trials: its trials, those of the race and the confirmation included, the oldest first.
        rows: the runs of these trials, by run_id.
        rule: how the spec compares settings.
        objective: what the search optimizes.
    """

    experiment: str
    sweep: SweepInfo
    trials: Sequence[TrialInfo]
    rows: Mapping[str, Row]
    rule: VerdictRule
    objective: Objective

    @property
    def report(self) -> SearchReport:
        """The part of a report about the search."""
        return SearchReport(
            objective=self.objective.metric,
            is_higher_better=self.objective.maximize,
            trials=tuple(self._report_of(trial) for trial in self._searched if trial.state),
            chosen=tuple(self._chosen()),
            stages=tuple(self._stages()),
            level=1 - self.rule.error,
            text=self.sweep.outcome or self.sweep.note,
        )

    @property
    def compared(self) -> tuple[Sequence[Row], VerdictRule] | None:
        """The runs whose comparison is honest, and how they are compared.

        They are those of the winner and the default over further seeds: no setting was chosen by
        them, and their verdict is that of the search. Without a confirmation of another winner than
        the default, they are those of the race. None without either, and for a search of an earlier
        version, which did not record what its runs over fresh seeds were for.
        """
        rule = for_metric(self.rule, self.objective.metric)
        if self.confirmation:
            return self.confirmation, rule
        rows = self._fresh_rows(Purpose.RACE)
        if not rows:
            return None
        count = len({row.label for row in rows})
        return rows, replace(rule, comparisons=count * (count - 1) // 2)

    @cached_property
    def confirmation(self) -> Sequence[Row]:
        """The runs of the winner and the default over further seeds, unless the default won."""
        rows = self._fresh_rows(Purpose.CONFIRMATION)
        return rows if any(row.baseline != row.run_id for row in rows) else ()

    def _fresh_rows(self, purpose: Purpose) -> list[Row]:
        """Return the runs of the race or the confirmation, with the default as baseline.

        A search that was continued may have confirmed several winners: only the last one counts.
        """
        trials = [trial for trial in self.trials if trial.purpose is purpose]
        if purpose is Purpose.CONFIRMATION:
            trials = [each for each in trials if each.is_baseline or each.choices == self._winner]
        rows = [
            replace(self.rows[run_id], label=self._title(trial), baseline=baseline)
            for trial in trials
            for run_id, baseline in zip(trial.run_ids, trial.baselines, strict=False)
            if run_id in self.rows
        ]
        return sorted(rows, key=lambda row: row.seeds)

    def _title(self, trial: TrialInfo) -> str:
        """Return the name of a trial over fresh seeds: that of the trial of the search."""
        same = (each for each in self._searched if each.choices == trial.choices)
        found = next(same, None)
        return f"trial {found.number}" if found and not trial.is_baseline else "the default"

    @property
    def _winner(self) -> Mapping[str, str] | None:
        """The values of the winner; None before the end of the search, and without a winner."""
        return self.sweep.best or None if self.sweep.state is State.FINISHED else None

    @cached_property
    def _searched(self) -> list[TrialInfo]:
        """The trials of the search itself, by number."""
        trials = [trial for trial in self.trials if trial.purpose is Purpose.SEARCH]
        return sorted(trials, key=lambda trial: trial.number)

    @cached_property
    def _ranked(self) -> list[tuple[float, TrialInfo]]:
        """The completed trials of the search with their values, the best first."""
        complete = [trial for trial in self._searched if trial.state is TrialState.COMPLETE]
        valued = [(trial.value, trial) for trial in complete if trial.value is not None]
        sign = -1 if self.objective.maximize else 1
        return sorted(valued, key=lambda pair: (sign * pair[0], -len(pair[1].run_ids)))

    def _seeds(self, trial: TrialInfo) -> int:
        found = {self.rows[each].seeds.pair for each in trial.run_ids if each in self.rows}
        return trial.seeds or len(found) or len(trial.run_ids)

    def _report_of(self, trial: TrialInfo) -> TrialReport:
        assert trial.state is not None
        choices = {name: _short(text) for name, text in trial.choices.items()}
        state = trial.state.name.lower()
        return TrialReport(trial.number, state, trial.value, choices, self._seeds(trial))

    def _chosen(self) -> list[Fact]:
        facts = []
        if self._ranked and self._ranked[0][1] is not self._winning:
            value, best = self._ranked[0]
            seeds = count(self._seeds(best), "seed")
            text = f"trial {best.number}: {measure(value)} over {seeds}"
            facts.append(Fact("best trial of the search", text))
        if self._winner is None:
            return [*facts, Fact("winner", "none yet")]
        values = ", ".join(f"{name}={_short(text)}" for name, text in self._winner.items())
        trial = self._winning
        text = f"trial {trial.number}: {values}" if trial else "the default"
        facts.append(Fact("winner", text))
        if "optimism" in self.sweep.metrics:
            optimism = signed(self.sweep.metrics["optimism"])
            facts.append(Fact("optimism for the best trial", optimism))
        return facts

    @property
    def _winning(self) -> TrialInfo | None:
        """The trial of the winner; None without a winner, and if it is the default."""
        return next((each for _, each in self._ranked if each.choices == self._winner), None)

    def _stages(self) -> list[Stage]:
        """Return what is recorded of the winner, in the order of the search."""
        if self._winner is None:
            return []
        known = self.sweep.metrics
        seeds = "further seeds" if "winner_race" in known else "fresh seeds"
        stages = []
        if self._winning and "winner_promised" in known:
            stages.append(Stage("search", known["winner_promised"], self._seeds(self._winning)))
        if "winner_race" in known:
            stages.append(Stage("race", known["winner_race"], _whole(known, "winner_race_seeds")))
        named = {self.objective.metric: seeds, _TEST: f"{seeds}, {METRICS[_TEST].title}"}
        return stages + [
            self._compared(*each) for each in named.items() if f"winner_{each[0]}" in known
        ]

    def _compared(self, metric: str, name: str) -> Stage:
        known, difference = self.sweep.metrics, f"difference_{metric}"
        return Stage(
            name,
            known[f"winner_{metric}"],
            _whole(known, "winner_seeds"),
            known.get(f"default_{metric}"),
            known.get(difference),
            low=known.get(f"{difference}_low"),
            high=known.get(f"{difference}_high"),
            verdict=self._verdict_text(metric) if difference in known else "",
        )

    def _verdict_text(self, metric: str) -> str:
        verdict = self._verdict(metric)
        if verdict is None:
            return ""
        is_short = not verdict.judgement.is_clear and verdict.pairs < verdict.least_pairs
        more = f" (a verdict needs at least {verdict.least_pairs} seeds)" if is_short else ""
        return f"{verdict.text}{more}"

    def _verdict(self, metric: str) -> Verdict | None:
        """Return the verdict on the winner, compared with the default over further seeds."""
        rules = {self.experiment: for_metric(self.rule, metric)}
        compared = compare_settings(self.confirmation, rules)
        return next((each for comparison in compared for each in comparison.decisive), None)


def winner_runs(experiment: str, index: MlflowIndex) -> frozenset[str]:
    """Return the ids of the winner's runs over fresh seeds, of the latest search of an experiment.

    Empty without a race that has ended, and for searches of earlier versions.

    Raises:
        StoreError: the store cannot be read.
    """
    latest = None
    with suppress(UnknownExperimentError):  # Its runs are recorded in others.
        latest = _latest_search(experiment, index)
    if latest is None or latest.state is not State.FINISHED:
        return frozenset()
    return frozenset(
        run_id
        for trial in index.trials(experiment)
        if trial.search == latest.location and trial.choices == latest.best
        if trial.purpose in (Purpose.RACE, Purpose.CONFIRMATION)
        for run_id in trial.run_ids
    )


def _latest_search(experiment: str, index: MlflowIndex) -> SweepInfo | None:
    searches = [sweep for sweep in index.sweeps(experiment) if sweep.is_search]
    return max(searches, key=lambda each: each.ended or each.began, default=None)


def read_search(experiment: str, objective: Objective, index: MlflowIndex) -> SearchHistory | None:
    """Return the latest search of an experiment; None if it has not been searched.

    Args:
        experiment: its name.
        objective: what its spec optimizes.
        index: reads the store.

    Raises:
        UnknownExperimentError: the experiment does not exist.
        StoreError: the store cannot be read.
    """
    latest = _latest_search(experiment, index)
    if latest is None:
        return None
    trials = [each for each in index.trials(experiment) if each.search == latest.location]
    run_ids = dict.fromkeys(run_id for trial in trials for run_id in trial.run_ids)
    rows = {row.run_id: row for row in index.find_rows(run_ids, experiment)}
    return SearchHistory(experiment, latest, trials, rows, index.rule(experiment), objective)


def _whole(known: Mapping[str, float], name: str) -> int | None:
    return int(known[name]) if name in known else None


def _short(text: str) -> str:
    """Return a value with three digits if it is a fraction."""
    try:
        number = float(text)
    except ValueError:
        return text
    return text if number.is_integer() else f"{number:.3g}"
