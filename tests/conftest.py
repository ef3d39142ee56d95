"""What tests of several layers need."""

import gc
import os
import shutil
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ray_nodes import Node
from servers import Postgres, SharedServer
from signs_sweep.data import Dataset
from signs_sweep.tracking import MlflowTracker

# Kept for the hundreds of processes that tests start, and the 5,000 asserts that pytest rewrites.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

LONG = ("usage", "trainer", "tracking")
"""The folders with the files that take longest, the longest first."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest: no worker is left alone with one at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(
        key=lambda item: (
            *(folder not in item.path.parts for folder in LONG),
            item.path not in slow,
        )
    )


def pytest_collection_finish() -> None:
    """Spare each garbage collection the items and libraries: they stay until the end."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _no_writer_stays() -> Iterator[None]:
    """End the writers that a test has left: some would ask their store again without a pause."""
    yield
    for thread in threading.enumerate():
        if thread.name == "tracker":
            outbox = thread._target.__self__
            with outbox._changed:
                outbox._is_left = True
                outbox._changed.notify_all()


def small() -> Dataset:
    images = np.random.default_rng(0).integers(0, 256, (16, 4, 4, 3)).astype(np.uint8)
    labels = np.arange(16) % 3
    return Dataset(
        "toy", images[:12], labels[:12], images[12:], labels[:4], ("a", "b", "c"), drawn=False
    )


@pytest.fixture
def dataset() -> Dataset:
    return small()


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of all processes of this session of pytest."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session")
def empty_store(shared_folder: Path) -> Path:
    """A database with MLflow's tables, to be copied: to make one takes seconds."""
    folder = shared_folder / "empty store"
    MlflowTracker(f"sqlite:///{folder}/mlflow.db", {}).open([])
    return folder / "mlflow.db"


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    server = Postgres(tmp_path_factory.mktemp("postgres"))
    yield server
    server.stop()
    shutil.rmtree(server.folder, ignore_errors=True)


@pytest.fixture(scope="session")
def ray_head() -> Iterator[Node]:
    """A cluster of one node, whose workers find the toys."""
    pytest.importorskip("ray")
    import toys  # Found by the tests that ask for it.

    head = Node(8, toys.worker_environment())
    yield head
    head.kill()
    shutil.rmtree(head.folder, ignore_errors=True)


@pytest.fixture(scope="session")
def shared_server(
    tmp_path_factory: pytest.TempPathFactory, postgres: Postgres
) -> Iterator[SharedServer]:
    server = SharedServer(tmp_path_factory.mktemp("shared"), postgres)
    try:
        server.start()
        yield server
    finally:
        server.stop()
