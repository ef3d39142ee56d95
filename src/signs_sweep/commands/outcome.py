"""The outcome of a plan that was carried out."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from signs_sweep.analysis.answer import OF_SELECTED, answer_from, refusals
from signs_sweep.analysis.cells import cells_of_settings
from signs_sweep.analysis.comparison import Comparison, Rules, compare_settings
from signs_sweep.analysis.conditions import describe_conditions
from signs_sweep.analysis.layout import Images
from signs_sweep.analysis.table import build_settings, build_table
from signs_sweep.analysis.verdict import Verdicts
from signs_sweep.domain import Result, Row, State, VerdictRule
from signs_sweep.domain.notebook import paragraphs, table
from signs_sweep.planning.plan import Part, Plan
from signs_sweep.protocols import Findings

if TYPE_CHECKING:
    import pandas as pd


_NOT_IN_NOTEBOOK = ("loss", "train", "worst", "best", "won")
"""Columns of settings without which the verdicts fit into the width of a notebook."""

_MOST_SEEDS = 400
"""Seeds whose order a store keeps, in a tag of limited length; others are in ascending order."""


@dataclass(eq=False)
class Outcome:
    """The outcome of a plan that was carried out.

    Attributes:
        plan: the plan, with the runs that were needed.
        results: by run_id, the result of each run that was started or found.
        cached: the runs that were found in the store, finished, and not trained again.
        seconds: time it took.
        was_interrupted: whether it was stopped before the end.
        unwritten: what the store did not accept and where it is kept, as text, or None.
        is_out_of_time: whether the budget ended it, with seeds left.
        images: returns which images a run classifies correctly.
    """

    plan: Plan
    results: Mapping[str, Result]
    cached: frozenset[str]
    seconds: float
    was_interrupted: bool
    unwritten: str | None = None
    is_out_of_time: bool = False
    images: Images | None = None

    @property
    def failures(self) -> list[Result]:
        """The results of the runs that failed, in the order of the plan."""
        results = map(self.results.get, self.plan.runs)
        return [result for result in results if result and result.state is State.FAILED]

    @property
    def state(self) -> State:
        """FINISHED if all runs are, KILLED after an interruption, else FAILED."""
        if self.was_interrupted:
            return State.KILLED
        results = map(self.results.get, self.plan.runs)
        is_finished = all(result and result.state.is_finished for result in results)
        return State.FINISHED if is_finished else State.FAILED

    @cached_property
    def rows(self) -> list[Row]:
        """The runs in the order of the plan, with their results."""
        return [row for part in self.plan.parts for row in rows_of(part, self.results)]

    @cached_property
    def table(self) -> "pd.DataFrame":
        """One row per run; see `signs_sweep.compare`."""
        return build_table(self.rows, self.rules)

    @cached_property
    def settings(self) -> "pd.DataFrame":
        """One row per setting, with statistics over its seeds; see `signs_sweep.compare`."""
        return build_settings(self.rows, self.compared, images=self.images)

    @property
    def rules(self) -> Rules:
        """How the settings of each experiment are compared, by its name."""
        return rules_of(self.plan)

    @cached_property
    def compared(self) -> list[Comparison]:
        """The settings of each experiment, compared."""
        return compare_settings(self.rows, self.rules, images=self.images)

    @property
    def verdicts(self) -> Verdicts:
        """The verdict on each setting that has a baseline, in the order of the plan."""
        return Verdicts(verdict for comparison in self.compared for verdict in comparison.decisive)

    @cached_property
    def answers(self) -> dict[str, str]:
        """By experiment, the verdict on its settings in a sentence; left out without results."""
        answers = {comparison.experiment: answer_from(comparison) for comparison in self.compared}
        return {name: text for name, text in answers.items() if text}

    def _repr_html_(self) -> str:
        from signs_sweep.commands.words import answer_lines, ending_lines, failure_lines

        cells = cells_of_settings(self.settings)
        shown = {name: cells[name] for name in cells if name not in _NOT_IN_NOTEBOOK}
        explained = [OF_SELECTED] if any(row.selected_on for row in self.rows) else []
        return (
            paragraphs([*ending_lines(self), *answer_lines(self)])
            + table(shown)
            + paragraphs([*explained, *describe_conditions(self.rows), *failure_lines(self)])
        )

    def __repr__(self) -> str:
        finished = sum(result.state.is_finished for result in self.results.values())
        names = ", ".join(part.experiment.name for part in self.plan.parts)
        return f"<Outcome of {names}: {finished} of {len(self.plan.runs)} runs finished>"


def rules_of(plan: Plan) -> Rules:
    """Return how the settings of each experiment of a plan are compared, by name."""
    return {part.experiment.name: part.experiment.verdict for part in plan.parts}


def refusals_of(*parts: Part) -> list[str]:
    """Return which settings of experiments will have no verdict, and why."""
    plan = Plan(parts)
    rows = [row for part in parts for row in rows_of(part, {})]
    return refusals(compare_settings(rows, rules_of(plan)))


def declared_rule(part: Part) -> VerdictRule:
    """Return how the settings of an experiment are compared, for a store that has only its runs."""
    compared = sum(bool(trial.baselines) and not trial.is_baseline for trial in part.trials)
    seeds = tuple(dict.fromkeys(each.pair for each in part.experiment.seeds))[:_MOST_SEEDS]
    return replace(part.experiment.verdict, comparisons=compared, seeds=seeds)


def rows_of(
    part: Part, results: Mapping[str, Result], older: Mapping[str, int] | None = None
) -> list[Row]:
    """Return the rows of an experiment's runs, in order.

    Args:
        part: the experiment.
        results: by run_id, the known results.
        older: by run_id, the older training version that has finished the run.
    """
    return [
        Row(
            experiment=part.experiment.name,
            run_id=run_id,
            label=trial.label,
            parameters=run.parameters,
            result=results.get(run_id),
            model=run.model.values,
            baseline=trial.baseline_of(run),
            version=run.training_version,
            validation=run.validation,
            data=run.data,
            folds=run.folds,
            older=(older or {}).get(run_id),
        )
        for trial, run in part.runs
        for run_id in [run.run_id]
    ]


def findings_of(outcome: Outcome) -> dict[str, Findings]:
    """Return the verdicts of each experiment for its record, by name; left out without results."""
    return {
        name: Findings(
            text,
            {
                "settings.csv": build_settings(
                    rows,
                    [each for each in outcome.compared if each.experiment == name],
                    images=outcome.images,
                )
                .to_csv()
                .encode()
            },
            {each.setting: each.judgement for each in outcome.verdicts if each.experiment == name},
            tested=_tested(outcome, name),
        )
        for name, text in outcome.answers.items()
        if (rows := [row for row in outcome.rows if row.experiment == name])
    }


def _tested(outcome: Outcome, name: str) -> dict[str, int]:
    """Return by fingerprint of the data how many comparisons of an experiment used its test set."""
    used = [each for each in outcome.verdicts if each.experiment == name and each.is_tested]
    fingerprints = {row.data for row in outcome.rows if row.experiment == name}
    return dict.fromkeys(fingerprints, len(used)) if used else {}


def tables_of(plan: Plan, results: Mapping[str, Result]) -> dict[str, str]:
    """Return the table of each experiment as CSV, by name."""
    return {
        part.experiment.name: build_table(rows_of(part, results), rules_of(plan)).to_csv()
        for part in plan.parts
    }
