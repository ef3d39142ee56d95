"""What `signs-sweep data info` shows."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from signs_sweep.cli.data import info
from signs_sweep.data import Dataset, write_dataset


def test_groups_are_counted_if_there_are_any(
    dataset: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_dataset(dataset, tmp_path)
    info(str(tmp_path))
    assert "  groups  " not in capsys.readouterr().out
    grouped = replace(dataset, train_groups=np.array(["a", "b", "c"] * 4))
    write_dataset(grouped, tmp_path)
    info(str(tmp_path))
    assert "  groups       3 training\n" in capsys.readouterr().out
    write_dataset(replace(grouped, test_groups=np.array(["d"] * 4)), tmp_path)
    info(str(tmp_path))
    assert "  groups       3 training, 1 test\n" in capsys.readouterr().out
