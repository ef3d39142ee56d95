"""What the record of a search, and whoever watches it, get to know of its trials."""

from collections.abc import Mapping, Sequence
from typing import Any

from signs_sweep.domain import VARIED_NAMES, Judged, Run, Trial
from signs_sweep.protocols import TrialEnd
from signs_sweep.search.outcome import Summary, best_of
from signs_sweep.search.study import Told
from signs_sweep.search.words import describe, recorded


def trial_end(
    trial: Trial,
    state: str,
    value: float | None,
    values: Mapping[str, float],
    params: Mapping[str, Any],
    *,
    why: str = "",
) -> TrialEnd:
    """Return how a trial ended, as the tracker keeps it.

    Args:
        trial: the trial.
        state: COMPLETE, PRUNED or FAIL.
        value: over all replicates, or None.
        values: of each replicate that has one, by run_id.
        params: what was chosen, by name.
        why: why it was pruned or failed, in words, or an empty string.
    """
    seeds = {run.run_id: seeds_of(run) for run in trial.runs}
    return TrialEnd(
        label=trial.label or "",
        number=trial.number,
        state=state,
        value=value,
        values={seeds[run_id]: one for run_id, one in values.items()},
        params=recorded(params),
        run_ids=tuple(seeds),
        why=why,
    )


def judged(told: Told, trials: Sequence[Summary], *, maximize: bool) -> Judged:
    """Return what whoever watches hears of the end of a trial.

    Args:
        told: how it ended.
        trials: all of the study so far.
        maximize: whether the largest value is the best.
    """
    best = best_of(trials, maximize=maximize)
    states = ("COMPLETE", "PRUNED", "FAIL")
    return Judged(
        name=describe(told.trial.label or "", told.params),
        state=told.state,
        value=told.value,
        why=told.why,
        best=None if best is None else f"trial {best.number}",
        best_value=None if best is None else best.value,
        counts={state: sum(one.state == state for one in trials) for state in states},
    )


def title(trial: Trial, run: Run) -> str:
    """Return what a run of a trial is called: with its seeds where there are several."""
    if len(trial.runs) == 1:
        return f"{trial.label}"
    is_said = trial.label is not None and trial.label.endswith("seeds")
    return f"{trial.label} {'' if is_said else 'seeds '}{seeds_of(run)}"


def params_of(run: Run) -> dict[str, str]:
    """Return what a run trains with, its seeds left out."""
    return {name: run.parameters.text(name) for name in VARIED_NAMES} | run.model.values


def seeds_of(run: Run) -> str:
    """Return the seeds of a run, as in `3, 0`."""
    return str(run.parameters.seeds)
