"""What the statements of a report hold for, and which runs failed and why."""

from collections.abc import Iterable, Sequence

from signs_sweep.analysis.answer import OF_SELECTED
from signs_sweep.analysis.comparison import Comparison
from signs_sweep.analysis.verdict import Verdict
from signs_sweep.domain import METRICS, Condition, Row, State
from signs_sweep.reporting.content import (
    Effect,
    Failure,
    Predicted,
    SettingReport,
    Statement,
)


def statements(
    comparison: Comparison, effects: Sequence[Effect], best: Predicted | None
) -> tuple[Statement, ...]:
    """Return what each statement of the report holds for, and what its interval covers."""
    images = _images(comparison)
    found = [
        Statement(
            "Mean ± standard deviation of a setting",
            f"the seeds that were trained, on {images}",
            "the standard deviation is that of single runs around the mean, not the uncertainty of "
            "the mean",
        )
    ]
    judged = [verdict for verdict in comparison.decisive if verdict.pairs]
    if judged:
        found += _of_verdicts(judged, comparison, images)
    if effects:
        found.append(
            Statement(
                "Effect of a parameter",
                f"the other values of this experiment, new seeds, on {images}",
                "95 % interval of a paired t-test over the seeds, valid for a single look and a "
                "single comparison; rough where different numbers of runs failed to learn",
            )
        )
    if best is not None:
        kind = "test" if best.images == "test" else "held-out"
        found.append(
            Statement(
                "Confusion, calibration and wrong pictures",
                f"all runs of a setting together, on the same {kind} images",
                "no interval: runs on the same images are not independent",
            )
        )
    return tuple(found)


def _of_verdicts(
    verdicts: Sequence[Verdict], comparison: Comparison, images: str
) -> list[Statement]:
    first = max(verdicts, key=lambda verdict: verdict.images)
    seeds = "new seeds and new splits" if first.has_own_splits else "new seeds"
    error = comparison.rule.error
    many = len(verdicts)
    comparisons = "the comparison" if many == 1 else f"any of the {many} comparisons"
    found = [
        Statement(
            "Verdict on a setting",
            f"{seeds}, on {images}",
            f"the probability that {comparisons} calls equal settings different is at most "
            f"{error:.2g}, however often the results are looked at and seeds are added",
        )
    ]
    if any(verdict.low is not None for verdict in verdicts):
        found.append(
            Statement(
                "Difference from the baseline",
                f"{seeds}, on {images}",
                f"it contains the mean difference with {1 - error:.3g} confidence, at every number "
                "of seeds",
            )
        )
    if any(verdict.crossed is not None for verdict in verdicts):
        found.append(
            Statement(
                "Interval over all sources",
                "new seeds and new images of the same kind",
                "95 %, valid for a single look",
            )
        )
    return found


def _images(comparison: Comparison) -> str:
    """Return the images that the compared metric is measured on, with their number if known."""
    kind = METRICS[comparison.metric].images
    kind = "held-out" if kind == "validation" else kind
    counts = {verdict.images for verdict in comparison.decisive if verdict.images}
    return f"the same {max(counts):,} {kind} images" if counts else f"the same {kind} images"


def failures(settings: Iterable[SettingReport]) -> tuple[Failure, ...]:
    """Return the runs that failed, and those that collapsed, in the order of the settings."""
    return tuple(
        Failure(setting.name, row.seeds, row.run_id, why, row.result.epochs)
        for setting in settings
        for row in setting.replicates.rows
        if row.result is not None and (why := _why(row))
    )


def _why(row: Row) -> str:
    result = row.result
    assert result is not None
    if result.state is State.FAILED:
        return result.message or "no reason is recorded"
    if result.diagnosis and result.diagnosis.condition is Condition.COLLAPSED:
        return f"{result.diagnosis.text}: every image gets the same class"
    return ""


def missing_note(rows: Sequence[Row]) -> list[str]:
    """Return a sentence on the runs without a result, if there are any."""
    states = [row.result.state if row.result else None for row in rows]
    parts = [
        (states.count(None), "not trained yet"),
        (states.count(State.RUNNING), "not finished"),
        (states.count(State.KILLED), "stopped before the end"),
    ]
    texts = [
        f"{number:,} {'is' if number == 1 else 'are'} {what}" for number, what in parts if number
    ]
    return [f"Of {len(rows):,} runs, {', '.join(texts)}."] if texts else []


def selection_note(settings: Iterable[SettingReport]) -> list[str]:
    """Return a sentence on values that early stopping chose, if the table has any."""
    return [OF_SELECTED] if any(setting.is_selected for setting in settings) else []
