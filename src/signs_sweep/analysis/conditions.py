"""What became of several runs: how many have each condition, and where they failed to learn."""

from collections import Counter
from collections.abc import Mapping, Sequence

from signs_sweep.analysis.settings import NEVER_PAIRED, varying_values
from signs_sweep.domain import SEED_NAMES, Condition, Row

_MOST_NAMED = 4
"""Values of a parameter that a sentence names, and shares that it states."""


def conditions(rows: Sequence[Row]) -> Mapping[Condition, int]:
    """Return the number of runs with each condition that occurs, in the order of `Condition`."""
    counts = Counter(
        row.result.diagnosis.condition for row in rows if row.result and row.result.diagnosis
    )
    return {condition: counts[condition] for condition in Condition if counts[condition]}


def conditions_text(rows: Sequence[Row]) -> str:
    """Return the number of runs with each condition, as in `4 collapsed, 6 overfit`."""
    counts = conditions(rows)
    return ", ".join(f"{count:,} {condition.of(count)}" for condition, count in counts.items())


def describe_conditions(rows: Sequence[Row]) -> list[str]:
    """Return the conditions of runs as a paragraph; an empty list if all that are known learned.

    For runs that diverged or collapsed, it states the share by the values of the parameter that
    separates them best, among settings that agree in all other parameters.
    """
    rows = list({row.run_id: row for row in rows}.values())
    counts = conditions(rows)
    if not counts.keys() - {Condition.LEARNED}:
        return []
    total = sum(counts.values())
    text = f"Diagnosis of {total:,} run{'s' if total > 1 else ''}: {conditions_text(rows)}."
    if Condition.COLLAPSED in counts:
        text += (
            " A collapsed network gives every image the same class, as if all of its hidden units "
            "were dead."
        )
    failures = [each for each in (Condition.DIVERGED, Condition.COLLAPSED) if each in counts]
    return [" ".join([text, *(line for each in failures for line in _separated(rows, each))])]


def _separated(rows: Sequence[Row], condition: Condition) -> list[str]:
    """Return a sentence with the share of runs with a condition, by the values of a parameter."""
    tables = {
        name: _by_value(rows, name, condition)
        for name in varying_values(rows)
        if name not in NEVER_PAIRED
    }
    name = max(tables, key=lambda name: _range(tables[name]), default="")
    if not name or not _range(tables[name]):
        return []
    by_share: dict[float, list[str]] = {}
    for value, (found, runs) in tables[name].items():
        by_share.setdefault(found / runs, []).append(value)
    parts = []
    for _, values in sorted(by_share.items(), reverse=True):
        found, runs = (sum(tables[name][value][part] for value in values) for part in (0, 1))
        more = [] if len(values) <= _MOST_NAMED else ["..."]
        parts.append((f"{found or 'none'} of {runs}", " or ".join(values[:_MOST_NAMED] + more)))
    (first, where), *others = [*parts[: _MOST_NAMED - 1], parts[-1]][: len(parts)]
    text = f"With all else equal, {first} runs with {name}={where} {condition.value}"
    return ["; ".join([text, *(f"with {where}, {share}" for share, where in others)]) + "."]


def _by_value(rows: Sequence[Row], name: str, condition: Condition) -> dict[str, tuple[int, int]]:
    """Return by value of a parameter how many runs have a condition, and how many there are.

    Only runs count that have a counterpart with a different value and equal values of all others.
    """
    families: dict[tuple[object, ...], list[Row]] = {}
    for row in rows:
        if row.result is not None and row.result.diagnosis is not None:
            ignored = (*SEED_NAMES, name)
            key = tuple(item for item in row.params.items() if item[0] not in ignored)
            families.setdefault(key, []).append(row)
    counts: dict[str, tuple[int, int]] = {}
    for family in families.values():
        if len({row.params.get(name) for row in family}) < 2:
            continue
        for row in family:
            assert row.result is not None
            assert row.result.diagnosis is not None
            parameters = row.parameters
            value = parameters.text(name) if hasattr(parameters, name) else str(row.params[name])
            found, runs = counts.get(value, (0, 0))
            counts[value] = found + (row.result.diagnosis.condition is condition), runs + 1
    return counts


def _range(shares: Mapping[str, tuple[int, int]]) -> float:
    values = [found / runs for found, runs in shares.values()]
    return max(values, default=0.0) - min(values, default=0.0)
