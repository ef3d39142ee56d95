"""Tables: of a plan, of what came of it, and in the formats of `compare`."""

from collections.abc import Collection, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any

from signs_sweep.cli.text import columns, duration, measure, number
from signs_sweep.planning import Part
from signs_sweep.records import SEED_NAMES, Result, Run, State, Trial

if TYPE_CHECKING:
    import pandas as pd

_HEADINGS = {
    "final_train_accuracy": "train",
    "test_accuracy": "test",
    "val_accuracy": "val",
    "global_seed": "global",
    "init_seed": "init",
    "seconds": "time",
}
_STATE_IN_PLAN = {
    None: "new",
    State.FINISHED: "cached",
    State.FAILED: "new (failed before)",
    State.KILLED: "new (stopped before)",
    State.RUNNING: "new (under way, or left by a process that died)",
}


class Format(Enum):
    """How `compare` writes the table."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    MD = "md"


def plan_lines(
    part: Part, known: Mapping[str, Result], begun: Mapping[str, int], beyond: Mapping[str, int]
) -> list[str]:
    """Return the runs of an experiment: what differs between them, and whether each is known.

    Args:
        part: the experiment.
        known: by run_id, what the store knows.
        begun: by run_id, the epoch from which a run can go on.
        beyond: by run_id, the epochs of a longer run that is finished; 0 for none.
    """
    has_labels = any(trial.label for trial in part.trials)
    varying = [name for name in part.varying if name != "epochs"]
    header = ["", *(["label"] if has_labels else []), *varying, "seeds", "epochs", "run", "state"]
    rows = [
        _plan_row(
            part,
            trial,
            run,
            _state_in_plan(known.get(run.run_id), begun.get(run.run_id), beyond.get(run.run_id, 0)),
            varying,
            has_label=has_labels,
        )
        for trial, run in part.runs
    ]
    return columns(header, rows)


def _plan_row(
    part: Part,
    trial: Trial,
    run: Run,
    state: str,
    varying: Collection[str],
    *,
    has_label: bool,
) -> list[str]:
    parameters = run.parameters
    if trial.number in part.baselines:
        state += ", baseline"
    return [
        str(trial.number),
        *([trial.label or ""] if has_label else []),
        *(number(getattr(parameters, name)) for name in varying),
        f"{parameters.global_seed}, {parameters.init_seed}",
        number(parameters.epochs),
        run.run_id,
        state,
    ]


def _state_in_plan(result: Result | None, epoch: int | None, beyond: int) -> str:
    state = _STATE_IN_PLAN[result.state if result else None]
    if result is not None and result.state.is_finished:
        return state if result.is_tested else "trained, its test set is still to be evaluated"
    if epoch is not None:
        state += f", goes on from epoch {epoch:,}"
    return state + (f" (of {beyond:,} epochs only the curve is known)" if beyond else "")


def outcome_lines(table: "pd.DataFrame", cached: Collection[str]) -> list[str]:
    """Return the table at the end of a run: seeds only where they differ, and times in words."""
    hidden = {"state", "seconds"}
    if all(table[name].nunique() < 2 for name in SEED_NAMES):
        hidden |= set(SEED_NAMES)
    names = [name for name in table.columns if name not in hidden]
    rows = [
        [*(_cell(name, row[name]) for name in names), _time(row, run_id in cached)]
        for run_id, row in table.astype(object).iterrows()
    ]
    return columns([*(_HEADINGS.get(name, name) for name in names), "time"], rows)


def render(table: "pd.DataFrame", form: Format) -> str:
    """Return a table of `compare` in a format; machine-readable ones keep all digits."""
    if form is Format.CSV:
        return str(table.to_csv())
    if form is Format.JSON:
        return str(table.reset_index().to_json(orient="records", indent=2)) + "\n"
    names = list(table.columns)
    header = ["run", *(_HEADINGS.get(name, name) for name in names)]
    rows = [
        [str(run_id), *(_cell(name, row[name]) for name in names)]
        for run_id, row in table.astype(object).iterrows()
    ]
    if form is Format.TABLE:
        return "\n".join(columns(header, rows)) + "\n"
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cell(name: str, value: Any) -> str:
    if name.endswith(("loss", "accuracy")):
        return measure(value)
    if name == "seconds":
        return "" if value is None or value != value else duration(value)  # noqa: PLR0124  # NaN
    return number(value)


def _time(row: "pd.Series[Any]", is_cached: bool) -> str:
    if is_cached:
        return "cached"
    if row["state"] != State.FINISHED.value:
        return str(row["state"]).lower()
    return _cell("seconds", row["seconds"])
