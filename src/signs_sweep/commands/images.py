"""Which images runs classify correctly, from memory or from the store."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache

from signs_sweep.analysis.layout import Images
from signs_sweep.commands.store import Store
from signs_sweep.domain import Answers, Predictions, Row
from signs_sweep.errors import StoreError

_SETS = {"val_accuracy": "validation", "test_accuracy": "test"}
"""By metric, the set of images that it refers to."""


def images_of(rows: Sequence[Row], store: Store) -> Images:
    """Return a function that returns which images one of some runs classifies correctly.

    The store is read when a run needs it that was not trained by this process, for all of them; if
    it does not answer, these runs are unknown.

    Args:
        rows: the runs.
        store: where they are recorded.
    """

    @cache
    def recorded() -> Mapping[str, Mapping[str, Predictions]]:
        locations = dict.fromkeys(row.result.location for row in rows if row.result)
        with suppress(StoreError):  # Verdicts do not depend on it.
            return store.index.predictions([each for each in locations if each])
        return {}

    def images(row: Row, metric: str) -> Answers | None:
        name, result = _SETS.get(metric, ""), row.result
        if not name or result is None or not result.state.is_finished:
            return None
        if result.answers is not None:
            return result.answers.get(name)
        known = recorded().get(result.location or "", {})
        return known[name].answers if name in known else None

    return images
