"""A small dataset in files."""

from pathlib import Path

import pytest

from signs_sweep.data import Dataset, write_dataset


@pytest.fixture
def folder(tmp_path: Path, dataset: Dataset) -> Path:
    write_dataset(dataset, tmp_path)
    return tmp_path
