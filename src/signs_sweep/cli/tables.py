"""Tables: of a plan, of what came of it, and in the formats of `compare`."""

from collections.abc import Collection, Mapping
from enum import Enum
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from signs_sweep.cli.text import columns, duration, measure, number, numbers
from signs_sweep.domain import SEED_NAMES, Result, Run, Seeds, State, Trial
from signs_sweep.planning.plan import Part

if TYPE_CHECKING:
    import pandas as pd

_HEADINGS = {
    "final_train_accuracy": "train",
    "test_accuracy": "test",
    "val_accuracy": "val",
    "seconds": "time",
    "difference": "vs baseline",
}
_DROPPABLE = (
    *("time", "epochs", "loss", "run", "train", "\u00b1 test", "\u00b1 val"),
    *("95% interval", "guessing", "state", "remark"),
)
"""Columns that a narrow terminal does without, the least important one first."""
_KEPT = ("label", "version", "val", "test", "vs baseline")
_STATE_IN_PLAN = {
    None: "new",
    State.FINISHED: "cached",
    State.FAILED: "new (failed before)",
    State.KILLED: "new (stopped before)",
    State.PRUNED: "new (pruned before)",
    State.RUNNING: "new (under way, or left by a process that died)",
}


class Format(Enum):
    """How `compare` writes the table."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    MD = "md"


def plan_lines(
    part: Part,
    known: Mapping[str, Result],
    begun: Mapping[str, int],
    beyond: Mapping[str, int],
    older: Mapping[str, int],
    width: int | None = None,
) -> list[str]:
    """Return the runs of an experiment: what differs between them, and whether each is known.

    Args:
        part: the experiment.
        known: by run_id, what the store knows.
        begun: by run_id, the epoch from which a run can go on.
        beyond: by run_id, the epochs of a longer run that is finished; 0 for none.
        older: by run_id, the older version of the training that has finished the run.
        width: columns of the terminal, or None for any.
    """
    has_labels = any(trial.label for trial in part.trials)
    varying = [name for name in part.varying if name != "epochs"]
    header = ["", *(["label"] if has_labels else []), *varying, "seeds", "epochs", "run", "state"]
    values = [numbers([getattr(run.parameters, name) for _, run in part.runs]) for name in varying]
    rows = [
        [
            str(trial.number),
            *([trial.label or ""] if has_labels else []),
            *(column[position] for column in values),
            str(run.parameters.seeds),
            number(run.parameters.epochs),
            run.run_id,
            _state_in_plan(trial, run, known, begun, beyond, older),
        ]
        for position, (trial, run) in enumerate(part.runs)
    ]
    return columns(header, rows, width, ("run", "epochs"))


def _state_in_plan(
    trial: Trial,
    run: Run,
    known: Mapping[str, Result],
    begun: Mapping[str, int],
    beyond: Mapping[str, int],
    older: Mapping[str, int],
) -> str:
    result, epoch = known.get(run.run_id), begun.get(run.run_id)
    state = _STATE_IN_PLAN[result.state if result else None]
    if run.run_id in older:
        state += f" ({_finished_by(older[run.run_id])})"
    if result is not None and result.state.is_finished:
        if not result.is_tested:
            state = "trained, its test set is still to be evaluated"
    elif epoch is not None:
        state += f", goes on from epoch {epoch:,}"
    if (result is None or not result.state.is_finished) and (longer := beyond.get(run.run_id)):
        state += f" (of {longer:,} epochs only the curve is known)"
    return f"{state}, baseline" if trial.is_baseline else state


def outcome_lines(
    table: "pd.DataFrame", cached: Collection[str], width: int | None = None
) -> list[str]:
    """Return the table at the end of a run: seeds only where they differ, and times in words."""
    hidden = {"state", "seconds"}
    if all(table[name].nunique() < 2 for name in SEED_NAMES):
        hidden |= set(SEED_NAMES)
    header, rows = _cells(table.drop(columns=sorted(hidden & set(table.columns))))
    times = [_time(row, run_id in cached) for run_id, row in table.astype(object).iterrows()]
    place = len(header) - ("remark" in header)
    header.insert(place, "time")
    for cells, time in zip(rows, times, strict=True):
        cells.insert(place, time)
    return _lines(header, rows, width)


def settings_lines(table: "pd.DataFrame", width: int | None = None) -> list[str]:
    """Return the table of settings: means over their seeds, and differences to the baseline."""
    return _lines(*_cells(table), width)


def render(table: "pd.DataFrame", form: Format, width: int | None = None) -> str:
    """Return a table of `compare` in a format; machine-readable ones keep all digits."""
    if form is Format.CSV:
        return str(table.to_csv())
    if form is Format.JSON:
        return str(table.reset_index().to_json(orient="records", indent=2)) + "\n"
    header, rows = _cells(table)
    if table.index.name == "run_id":
        header = ["run", *header]
        rows = [[str(run_id), *cells] for run_id, cells in zip(table.index, rows, strict=True)]
    if form is Format.TABLE:
        return "\n".join(_lines(header, rows, width)) + "\n"
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _lines(header: list[str], rows: list[list[str]], width: int | None) -> list[str]:
    """Return a table; on a narrow terminal its results are kept longest."""
    others = [name for name in header if name not in _KEPT]
    return columns(header, rows, width, _DROPPABLE, others[::-1])


def _cells(table: "pd.DataFrame") -> tuple[list[str], list[list[str]]]:
    """Return the header and the rows of a table as a person reads them.

    Columns that belong together become one: the seeds, the mark of the baseline and the
    difference to it, the two ends of an interval.
    """
    known = {name: list(table[name].astype(object)) for name in table.columns}
    judged = "val_accuracy" if "val_accuracy" in known else "test_accuracy"
    deviations = [measure(value) for value in known.get("deviation", ())]
    texts: dict[str, list[str]] = {}
    for name, values in known.items():
        match name:
            case "is_baseline" | "deviation" | "difference_high":
                continue
            case _ if name in SEED_NAMES:
                seeds = zip(*(known[seed] for seed in SEED_NAMES), strict=True)
                texts["seeds"] = [str(Seeds(*own)) for own in seeds]
            case "difference":
                marks = zip(known["is_baseline"], values, strict=True)
                texts[name] = [_difference(value, is_baseline=mark) for mark, value in marks]
            case "difference_low":
                ends = zip(known["is_baseline"], values, known["difference_high"], strict=True)
                texts["95% interval"] = [_interval(*one) for one in ends]
            case "guessing_since" | "older_version":
                since, older = known.get("guessing_since", ()), known.get("older_version", ())
                texts["remark"] = [_remark(*pair) for pair in zip_longest(since, older)]
            case _ if name.endswith(("loss", "accuracy")):
                texts[name] = [measure(value) for value in values]
                if name == judged and any(deviations):
                    texts[f"\u00b1 {_HEADINGS[name]}"] = deviations
            case "seconds":
                texts[name] = ["" if _is_missing(value) else duration(value) for value in values]
            case _:
                texts[name] = numbers(values)
    header = [_HEADINGS.get(name, name) for name in texts]
    return header, [list(row) for row in zip(*texts.values(), strict=True)]


def _difference(value: Any, *, is_baseline: bool) -> str:
    if is_baseline:
        return "baseline"
    return "" if _is_missing(value) else f"{value:+.4f}"


def _interval(is_baseline: bool, low: Any, high: Any) -> str:
    return "" if is_baseline or _is_missing(low) else f"{low:+.4f} to {high:+.4f}"


def _remark(epoch: Any, version: Any) -> str:
    """Return what is said of a run that learned nothing, or that an older version has finished."""
    if not _is_missing(epoch):
        return f"learned nothing since epoch {int(epoch):,}"
    return "" if _is_missing(version) else _finished_by(version)


def _finished_by(version: float) -> str:
    return f"finished by version {int(version)}"


def _is_missing(value: Any) -> bool:
    return value is None or value != value  # noqa: PLR0124  # NaN


def _time(row: "pd.Series[Any]", is_cached: bool) -> str:
    if is_cached:
        return "cached"
    if row["state"] != State.FINISHED.value:
        return str(row["state"]).lower()
    return "" if _is_missing(row["seconds"]) else duration(row["seconds"])
