"""How many workers are worth starting for a plan."""

from pathlib import Path

import numpy as np
import pytest

from signs_sweep.commands import running
from signs_sweep.commands.options import Options
from signs_sweep.data import Dataset, write_dataset
from signs_sweep.errors import DataError, UsageError
from signs_sweep.planning.preparation import prepare

CORES = 4


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with 600 images of 32 x 32, on a machine of four cores without a GPU."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(running, "find_gpus", lambda _: [])
    monkeypatch.setattr("signs_sweep.executors.devices.default_workers", lambda: CORES)
    images = np.random.default_rng(0).integers(0, 256, (620, 32, 32, 3)).astype(np.uint8)
    labels = np.arange(620) % 3
    data = Dataset(
        "signs",
        images[:600],
        labels[:600],
        images[600:],
        labels[600:],
        ("0", "1", "2"),
        drawn=False,
    )
    write_dataset(data, tmp_path / "data" / "signs")
    return tmp_path


def workers(folder: Path, spec: str, **options: int) -> int:
    (folder / "spec.yaml").write_text(f"name: some\ndata: signs\n{spec}", encoding="utf-8")
    prepared = prepare([folder / "spec.yaml"], overrides=(), data_dir=folder / "data" / "signs")
    begun = running.begin(prepared, f"sqlite:///{folder}/mlflow.db", Options(**options))
    return len(begun.devices)


@pytest.mark.parametrize(
    ("epochs", "seeds", "expected"),
    [(10, 4, 1), (150, 4, 2), (5, 200, CORES), (20_000, 8, CORES)],
)
def test_each_worker_has_some_seconds_to_train(
    folder: Path, epochs: int, seeds: int, expected: int
) -> None:
    spec = f"model: {{hidden: [25, 12]}}\nbase: {{epochs: {epochs}}}\nseeds: {seeds}\n"
    assert workers(folder, spec) == expected
    assert workers(folder, spec, workers=2) == 2


def test_every_run_of_a_network_of_unknown_size_may_have_a_worker(folder: Path) -> None:
    code = "def net(shape, classes):\n    raise AssertionError('only workers build it')\n"
    (folder / "nets.py").write_text(code, encoding="utf-8")
    assert workers(folder, 'model: {build: "nets:net"}\nbase: {epochs: 1}\nseeds: 3\n') == 3


def test_fewer_workers_are_started_if_memory_is_scarce(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    of_worker = 600_000_000 + (3 * 600 + 20) * 32 * 32 * 3
    monkeypatch.setattr("signs_sweep.planning.memory.available_memory", lambda: 2 * of_worker)
    spec = "base: {epochs: 20_000}\nseeds: 8\n"
    assert workers(folder, spec) == 2
    assert workers(folder, spec, workers=2) == 2
    with pytest.raises(UsageError, match=r"^3 workers need about 1\.8 GB .* Use --workers 2\.$"):
        workers(folder, spec, workers=3)
    monkeypatch.setattr("signs_sweep.planning.memory.available_memory", lambda: of_worker - 1)
    with pytest.raises(DataError, match=r"^1 worker needs about 0\.6 GB"):
        workers(folder, spec)
