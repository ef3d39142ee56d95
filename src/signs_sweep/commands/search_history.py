"""The history of a search, and what it promised against what held, from the tracking store."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from signs_sweep.analysis.answer import signed
from signs_sweep.analysis.comparison import compare_settings, for_metric
from signs_sweep.analysis.verdict import Verdict
from signs_sweep.domain import Purpose, Row, State, TrialState, VerdictRule
from signs_sweep.domain.formats import measure
from signs_sweep.reporting.content import Fact, SearchReport, TrialReport
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
            promised=tuple(self._promised()),
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
        return f"trial {found.number}" if found and not trial.is_baseline else "default"

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

    def _promised(self) -> list[Fact]:
        value, best = self._ranked[0] if self._ranked else (0.0, None)
        facts: list[tuple[str, str | None]] = []
        if best:
            over = _over(self._seeds(best))
            facts.append(
                ("best trial of the search", f"trial {best.number}: {measure(value)}{over}")
            )
        if self._winner is None:
            return [*(Fact(name, text or "") for name, text in facts), Fact("winner", "none yet")]
        trial = next((each for _, each in self._ranked if each.choices == self._winner), None)
        values = ", ".join(f"{name}={_short(text)}" for name, text in self._winner.items())
        facts.append(("winner", f"trial {trial.number}: {values}" if trial else "the default"))
        if trial is not best:
            facts.append(("promised for the winner", self._number("winner_promised")))
        metric = self.objective.metric
        seeds = "further seeds" if "winner_race" in self.sweep.metrics else "fresh seeds"
        facts += [
            ("winner in the race", self._number("winner_race", "winner_race_seeds")),
            (f"winner over {seeds}", self._number(f"winner_{metric}", "winner_seeds")),
            (f"default over {seeds}", self._number(f"default_{metric}", "winner_seeds")),
            ("difference", self._difference(metric)),
            ("optimism for the best trial", self._signed("optimism")),
            ("winner on the test set", self._number(f"winner_{_TEST}", "winner_seeds")),
            ("default on the test set", self._number(f"default_{_TEST}", "winner_seeds")),
            ("difference on the test set", self._difference(_TEST)),
        ]
        return [Fact(name, text) for name, text in facts if text]

    def _number(self, name: str, seeds: str = "") -> str | None:
        """Return a recorded number, and over how many seeds it is."""
        value, known = self.sweep.metrics.get(name), self.sweep.metrics.get(seeds)
        return None if value is None else f"{measure(value)}{_over(known)}"

    def _signed(self, name: str) -> str | None:
        value = self.sweep.metrics.get(name)
        return None if value is None else signed(value)

    def _difference(self, metric: str) -> str | None:
        """Return the difference between the winner and the default, with interval and verdict."""
        text, low, high = (
            self._signed(f"difference_{metric}{end}") for end in ("", "_low", "_high")
        )
        if text is None:
            return None
        if low and high:
            text += f" ({100 * (1 - self.rule.error):.0f} % interval {low} to {high})"
        verdict = self._verdict(metric)
        if verdict is None:
            return text
        is_short = not verdict.judgement.is_clear and verdict.pairs < verdict.least_pairs
        more = f" (a verdict needs at least {verdict.least_pairs} seeds)" if is_short else ""
        return f"{text}: {verdict.text}{more}"

    def _verdict(self, metric: str) -> Verdict | None:
        """Return the verdict on the winner, compared with the default over further seeds."""
        rules = {self.experiment: for_metric(self.rule, metric)}
        compared = compare_settings(self.confirmation, rules)
        return next((each for comparison in compared for each in comparison.decisive), None)


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
    searches = [sweep for sweep in index.sweeps(experiment) if sweep.is_search]
    if not searches:
        return None
    latest = max(searches, key=lambda each: each.ended or each.began)
    trials = [each for each in index.trials(experiment) if each.search == latest.location]
    run_ids = dict.fromkeys(run_id for trial in trials for run_id in trial.run_ids)
    rows = {row.run_id: row for row in index.find_rows(run_ids, experiment)}
    return SearchHistory(experiment, latest, trials, rows, index.rule(experiment), objective)


def _over(seeds: float | None) -> str:
    """Return the number of seeds of a value, after it."""
    if seeds is None:
        return ""
    return " over one seed" if seeds == 1 else f" over {seeds:.0f} seeds"


def _short(text: str) -> str:
    """Return a value with three digits if it is a fraction."""
    try:
        number = float(text)
    except ValueError:
        return text
    return text if number.is_integer() else f"{number:.3g}"
