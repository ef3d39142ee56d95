"""Lists of facts: the settings that all runs share, their data, and where they were trained."""

from collections.abc import Iterable, Mapping, Sequence

from signs_sweep.data import Dataset
from signs_sweep.domain import PARAMETERS, SEED_NAMES, Row, as_text
from signs_sweep.domain.masking import mask
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


def data_facts(rows: Sequence[Row], dataset: Dataset | None) -> tuple[Fact, ...]:
    """Return what the runs were trained on.

    Args:
        rows: the runs.
        dataset: the data of the best setting; None if it was not found.
    """
    names = dict.fromkeys(row.data for row in rows)
    if dataset is None:
        return tuple(Fact("fingerprint", name) for name in names)
    others = [name for name in names if name != dataset.fingerprint]
    height, width, channels = dataset.test_images.shape[1:]
    origin = dataset.origin
    pairs = (("source", origin.source), ("licence", origin.licence)) if origin else ()
    return (
        Fact("name", dataset.name),
        Fact("training images", f"{len(dataset.train_labels) - dataset.given:,}"),
        *([Fact("validation images", f"{dataset.given:,}")] if dataset.given else []),
        Fact("test images", f"{len(dataset.test_labels):,}"),
        Fact("size", f"{height} x {width} pixels, {'RGB' if channels == 3 else 'grey'}"),
        Fact("classes", ", ".join(dataset.classes)),
        Fact("fingerprint", dataset.fingerprint),
        *(Fact("fingerprint of further runs", name) for name in others),
        *(Fact(name, mask(value)) for name, value in pairs if value),
    )


def environment_facts(environments: Iterable[Mapping[str, str]]) -> tuple[Fact, ...]:
    """Return the environments in which runs were trained: of each name, all values."""
    values: dict[str, dict[str, None]] = {}
    for environment in environments:
        for name, value in environment.items():
            values.setdefault(name, {})[value] = None
    return tuple(Fact(name, "; ".join(known)) for name, known in values.items())
