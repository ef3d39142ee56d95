"""Lists of facts: the settings that all runs share, and where the runs were trained."""

from collections.abc import Iterable, Mapping, Sequence

from signs_sweep.domain import PARAMETERS, SEED_NAMES, Row, as_text
from signs_sweep.reporting.content import Fact

_ALWAYS = ("learning_rate", "batch_size", "epochs", "optimizer", "l2", "keep_prob")
"""Parameters that are listed even where they have their default."""

_NOT_LISTED = ("data", "version")


def shared_settings(rows: Sequence[Row]) -> tuple[Fact, ...]:
    """Return the values that all runs share, without those that are defaults, except the usual."""
    if not rows:
        return ()
    names = dict.fromkeys(name for row in rows for name in row.params)
    facts = []
    for name in names:
        values = {as_text(row.params.get(name)) for row in rows}
        if len(values) > 1 or name in (*SEED_NAMES, *_NOT_LISTED):
            continue
        (value,) = values
        entry = PARAMETERS.get(name)
        if entry is None or name in _ALWAYS or value != as_text(entry.default):
            facts.append(Fact(name, value))
    versions = sorted({row.version for row in rows})
    return (*facts, Fact("training version", ", ".join(map(str, versions))))


def environment_facts(environments: Iterable[Mapping[str, str]]) -> tuple[Fact, ...]:
    """Return the environments in which runs were trained: of each name, all values."""
    values: dict[str, dict[str, None]] = {}
    for environment in environments:
        for name, value in environment.items():
            values.setdefault(name, {})[value] = None
    return tuple(Fact(name, "; ".join(known)) for name, known in values.items())
