"""What the tests of studies need."""

from collections.abc import Iterator

import optuna
import pytest


@pytest.fixture(autouse=True)
def _no_news() -> Iterator[None]:
    """Keep what Optuna says of each new study out of what the tests look at."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    yield
    optuna.logging.set_verbosity(before)
