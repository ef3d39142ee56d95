"""Trials made by hand: what a test does not care about has a plain value."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from signs_sweep.domain import Purpose, Run, Trial, TrialEnd, TrialState


def make_trial(
    *runs: Run,
    number: int = 1,
    title: str | None = None,
    label: str | None = None,
    purpose: Purpose = Purpose.SWEEP,
    experiment: str = "toy",
    baselines: Sequence[str] = (),
    choices: Mapping[str, Any] = MappingProxyType({}),
    is_sequential: bool = False,
) -> Trial:
    """Return a trial that is called by its label, and has none unless it is given one."""
    return Trial(
        key=f"{purpose.value}/{number}",
        experiment=experiment,
        purpose=purpose,
        number=number,
        title=title or label or "",
        runs=runs,
        label=label,
        baselines=tuple(baselines),
        choices=dict(choices),
        is_sequential=is_sequential,
    )


def searched(number: int, *runs: Run, **choices: Any) -> Trial:
    """Return a trial of a search."""
    label = f"trial {number}"
    return make_trial(*runs, number=number, label=label, purpose=Purpose.SEARCH, choices=choices)


def ended(
    trial: Trial, state: TrialState = TrialState.COMPLETE, value: float | None = 0.5, why: str = ""
) -> TrialEnd:
    """Return an end in which every replicate has the value of the trial."""
    values = {} if value is None else dict.fromkeys(trial.run_ids, value)
    return TrialEnd(trial, state, value, values, why)
