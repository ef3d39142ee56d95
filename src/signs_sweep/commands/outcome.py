"""The outcome of a plan that was carried out."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from signs_sweep.analysis.answer import answer
from signs_sweep.analysis.table import build_settings, build_table
from signs_sweep.domain import Result, Row, State
from signs_sweep.planning.plan import Part, Plan

if TYPE_CHECKING:
    import pandas as pd


@dataclass(eq=False)
class Outcome:
    """The outcome of a plan that was carried out.

    Attributes:
        plan: the plan.
        results: by run_id, the result of each run that was started or found.
        cached: the runs that were found in the store, finished, and not trained again.
        seconds: time it took.
        was_interrupted: whether it was stopped before the end.
        unwritten: what the store did not accept and where it is kept, as text, or None.
    """

    plan: Plan
    results: Mapping[str, Result]
    cached: frozenset[str]
    seconds: float
    was_interrupted: bool
    unwritten: str | None = None

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

    @property
    def rows(self) -> list[Row]:
        """The runs in the order of the plan, with their results."""
        return [row for part in self.plan.parts for row in rows_of(part, self.results)]

    @cached_property
    def table(self) -> "pd.DataFrame":
        """One row per run; see `signs_sweep.compare`."""
        return build_table(self.rows)

    @cached_property
    def settings(self) -> "pd.DataFrame":
        """One row per setting, with means over its seeds; see `signs_sweep.compare`."""
        return build_settings(self.rows)

    @cached_property
    def answers(self) -> dict[str, str]:
        """By experiment, which setting was best and by how much; left out without results."""
        answers = {
            part.experiment.name: answer(rows_of(part, self.results)) for part in self.plan.parts
        }
        return {name: text for name, text in answers.items() if text}

    def __repr__(self) -> str:
        finished = sum(result.state.is_finished for result in self.results.values())
        names = ", ".join(part.experiment.name for part in self.plan.parts)
        return f"<Outcome of {names}: {finished} of {len(self.plan.runs)} runs finished>"


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
            run_id=run.run_id,
            label=trial.label,
            parameters=run.parameters,
            result=results.get(run.run_id),
            model=run.model.values,
            baseline=trial.baseline_of(run),
            version=run.training_version,
            validation=run.validation,
            data=run.data,
            older=(older or {}).get(run.run_id),
        )
        for trial, run in part.runs
    ]


def tables_of(plan: Plan, results: Mapping[str, Result]) -> dict[str, str]:
    """Return the table of each experiment as CSV, by name."""
    return {
        part.experiment.name: build_table(rows_of(part, results)).to_csv() for part in plan.parts
    }
