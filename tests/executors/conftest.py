"""Local executors with toys, closed after the test."""

from collections.abc import Callable, Iterator

import pytest
import toys

from signs_sweep.executors import LocalExecutor

MakeLocal = Callable[..., LocalExecutor]


@pytest.fixture
def make_local() -> Iterator[MakeLocal]:
    """Make local executors with toys."""
    made: list[LocalExecutor] = []

    def make(workers: int = 1, make_trainer: Callable = toys.ToyTrainer) -> LocalExecutor:
        made.append(LocalExecutor(make_trainer, [toys.worker_environment()] * workers))
        return made[-1]

    yield make
    for executor in made:
        executor.close()
