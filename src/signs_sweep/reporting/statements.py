"""What the statements of a report hold for, and which runs failed and why."""

from collections.abc import Iterable, Sequence

from signs_sweep.analysis.answer import further_sources, scope
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
    verdicts = comparison.decisive
    found = [of_means(comparison), of_verdicts(verdicts), of_differences(verdicts)]
    found.append(of_crossed(verdicts))
    if effects:
        found.append(of_effects(verdicts))
    if best is not None:
        is_test = best.images == "test"
        images = "the same test images" if is_test else "the images that each of them held out"
        found.append(
            Statement(
                "Confusion, calibration and wrong pictures",
                f"all finished runs of a setting together, on {images}",
                "no interval: runs on the same images are not independent",
            )
        )
    return tuple(statement for statement in found if statement is not None)


def of_means(comparison: Comparison) -> Statement:
    """Return what the mean and the standard deviation of a setting hold for."""
    kind = METRICS[comparison.metric].images
    kind = "held-out" if kind == "validation" else kind
    first = _widest(comparison.decisive)
    is_known = first is not None and first.images and not first.has_own_splits
    images = f"the same {first.images:,} {kind}" if first and is_known else kind
    return Statement(
        "Mean \u00b1 standard deviation of a setting",
        f"the seeds that were trained, on {images} images",
        "\u00b1 is the standard deviation over the seeds, not the uncertainty of the mean",
    )


def of_verdicts(verdicts: Sequence[Verdict]) -> Statement | None:
    """Return what verdicts hold for; None without any that rests on runs."""
    judged = [verdict for verdict in verdicts if verdict.pairs]
    first = _widest(judged)
    if first is None:
        return None
    of_all = "the comparison" if len(judged) == 1 else f"any of the {len(judged)} comparisons"
    margin = f"; equivalent: the interval is within \u00b1{first.margin:g}" if first.margin else ""
    return Statement(
        "Verdict on a setting",
        scope(first),
        f"the probability that {of_all} ever calls equal settings different is at most "
        f"{first.error:g}, however often the results are looked at and seeds are added{margin}",
    )


def of_differences(verdicts: Sequence[Verdict]) -> Statement | None:
    """Return what the intervals of differences cover; None without intervals."""
    first = _widest([verdict for verdict in verdicts if verdict.low is not None])
    if first is None:
        return None
    return Statement(
        "Difference of a setting",
        scope(first),
        f"{100 * (1 - first.error):.4g} % confidence sequence for the centre of the differences of "
        "a single comparison, valid however often the results are looked at; left out where "
        "different numbers of runs failed to learn",
    )


def of_crossed(verdicts: Sequence[Verdict]) -> Statement | None:
    """Return what the intervals over all sources cover; None without intervals."""
    first = _widest([verdict for verdict in verdicts if verdict.crossed is not None])
    if first is None:
        return None
    return Statement(
        "Interval over all sources",
        f"new seeds and new {further_sources(first)}" if further_sources(first) else "new seeds",
        "95 % bootstrap interval for the mean difference, valid for a single look and a single "
        "comparison",
    )


def of_effects(verdicts: Sequence[Verdict]) -> Statement:
    """Return what the effect of a parameter holds for, and its interval."""
    first = _widest(verdicts)
    where = scope(first) if first else "new seeds on the same images"
    return Statement(
        "Effect of a parameter",
        f"the other values of this experiment, {where}",
        "95 % interval of a paired t-test over the seeds, valid for a single look and a "
        "single comparison; rough where different numbers of runs failed to learn",
    )


def _widest(verdicts: Sequence[Verdict]) -> Verdict | None:
    return max(verdicts, key=lambda verdict: verdict.images, default=None)


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
