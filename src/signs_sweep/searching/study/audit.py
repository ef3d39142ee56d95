"""The audit of pruning: a share of the trials to be pruned is trained to its end.

How good a pruned trial would have become is never known. The audit draws, by lot and before
anything is known of a trial, which trials are exempt from pruning: their values are a sample of
those that pruning loses.
"""

from collections.abc import Iterable

import numpy as np

from signs_sweep.domain import TrialEnd, TrialState, best_of

_KEY = 0xA0D17
"""First part of the key of the lots, so that they share no random numbers with anything else."""

_LEADING = 5
"""Number of best trials of which it is reported that pruning would have lost them."""

_ORDINALS = ("", "second ", "third ", "fourth ", "fifth ")


def is_drawn(seed: int, proposal: int, share: float) -> bool:
    """Whether a trial is audited, by lot: if it is to be pruned, it is trained to its end.

    The lot depends on nothing else, so a search audits the same trials with any number of workers,
    and after an interruption.

    Args:
        seed: seed of the sampler.
        proposal: number of proposals before the trial.
        share: share of the trials that are audited, in [0, 1].
    """
    return float(np.random.default_rng([_KEY, proposal, seed]).random()) < share


def audited(ends: Iterable[TrialEnd]) -> list[TrialEnd]:
    """Return the completed trials that would have been pruned without the audit."""
    return [end for end in ends if end.audited and end.state.is_complete]


def audit_metrics(ends: Iterable[TrialEnd], share: float, *, maximize: bool) -> dict[str, float]:
    """Return the number of audited trials and their best value; empty if there was no audit.

    The arguments are those of `describe_audit`.
    """
    ends = list(ends)
    if not share or not _stopped(ends):
        return {}
    metrics: dict[str, float] = {"pruning_audited": len(audited(ends))}
    best = best_of(audited(ends), maximize=maximize)
    if best is not None and best.value is not None:
        metrics["pruning_audited_best"] = best.value
    return metrics


def describe_audit(ends: Iterable[TrialEnd], share: float, *, maximize: bool) -> list[str]:
    """Describe as a paragraph what pruning may have lost; empty if there was no audit.

    Args:
        ends: how the trials of a search ended.
        share: share of the trials that are audited, in [0, 1].
        maximize: whether larger values are better.
    """
    ends = list(ends)
    stopped, found = _stopped(ends), audited(ends)
    if not share or not stopped:
        return []
    trials = f"{stopped} trial{'' if stopped == 1 else 's'}"
    best, best_audited = best_of(ends, maximize=maximize), best_of(found, maximize=maximize)
    if best is None or best_audited is None:
        text = f"What pruning may have lost is unknown: of {trials} that it stopped or would have "
        return [f"{text}stopped, the audit (a share of {share:g}, by lot) trained none to its end."]
    count = len(found)
    reached = {1: "it", 2: "the better of them"}.get(count, "the best of them")
    text = (
        f"Pruning was audited: of {trials} that it stopped or would have stopped, {count} "
        f"{'was' if count == 1 else 'were'} trained to {'its' if count == 1 else 'their'} end; "
        f"{reached} reached {best_audited.value:.4f}, the best trial {best.value:.4f}."
    )
    lost = [
        f"trial {end.trial.number}, the {_ORDINALS[rank]}best"
        for rank, end in enumerate(_leading(ends, maximize=maximize))
        if end.audited
    ]
    if lost:
        complete = sum(end.state.is_complete for end in ends)
        text += f" Pruning would have lost {', and '.join(lost)} of {complete} completed trials."
    return [text]


def _stopped(ends: Iterable[TrialEnd]) -> int:
    """Return the number of trials that were pruned, or would have been without the audit."""
    return sum(end.state is TrialState.PRUNED or bool(end.audited) for end in ends)


def _leading(ends: Iterable[TrialEnd], *, maximize: bool) -> list[TrialEnd]:
    """Return the best completed trials, in order."""
    left, leading = list(ends), list[TrialEnd]()
    while len(leading) < _LEADING and (best := best_of(left, maximize=maximize)):
        leading.append(best)
        left.remove(best)
    return leading
