"""The cache of compiled programs: where it is, when it is used, and that it changes nothing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from signs_sweep.trainer import compilation
from signs_sweep.trainer.compilation import with_cache
from signs_sweep.trainer.runtime import worker_environment


def folder_of(environment: dict[str, str]) -> Path:
    first, *_ = environment["TF_XLA_FLAGS"].split()
    return Path(first.partition("=")[2])


def test_it_is_where_caches_are(tmp_path: Path) -> None:
    in_home = folder_of(with_cache({"HOME": str(tmp_path)}, "2.21"))
    chosen = folder_of(with_cache({"XDG_CACHE_HOME": str(tmp_path / "caches")}, "2.21"))
    assert in_home.is_relative_to(tmp_path / ".cache" / "signs-sweep")
    assert chosen.is_relative_to(tmp_path / "caches" / "signs-sweep")
    assert in_home.is_dir()
    assert chosen.is_dir()


def test_each_version_and_processor_has_its_own(tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path)}
    keys = [("2.21", "Zen"), ("2.22", "Zen"), ("2.21", "Ice Lake"), ("2.21", "Zen", "avx2")]
    assert len({folder_of(with_cache(home, *key)) for key in keys}) == len(keys)


def test_the_users_own_folder_is_respected(tmp_path: Path) -> None:
    own = {"HOME": str(tmp_path), "TF_XLA_FLAGS": "--tf_xla_persistent_cache_directory=/mine"}
    assert with_cache(own, "2.21") == own


@pytest.mark.parametrize("home", ["", "relative", "/proc/none", "{tmp}/with blank", "{tmp}/it's"])
def test_without_a_folder_that_can_be_used_there_is_none(tmp_path: Path, home: str) -> None:
    given = {"HOME": home.format(tmp=tmp_path)}
    assert with_cache(given, "2.21") == given


def test_a_full_disk_is_not_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compilation, "_LEAST_ROOM", 2**80)
    given = {"HOME": str(tmp_path)}
    assert with_cache(given, "2.21") == given


def test_the_oldest_entries_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compilation, "_MOST_ENTRIES", 2)
    home = {"HOME": str(tmp_path)}
    folder = folder_of(with_cache(home, "2.21"))
    for age, name in enumerate("abc"):
        entry = folder / f"xla_compile_cache__{name}.pb"
        entry.touch()
        os.utime(entry, (1000 - age, 1000 - age))
    with_cache(home, "2.21")
    assert sorted(entry.name[-4] for entry in folder.iterdir()) == ["a", "b"]


TRAIN = """\
import numpy as np
from signs_sweep.records import Parameters
from signs_sweep.trainer import runtime
runtime.prepare()
from signs_sweep.trainer.dense import DenseNetwork
from signs_sweep.trainer.loop import EpochLoop, LabelledImages
draws = np.random.default_rng(0)
images = draws.integers(0, 256, (20, 4, 4, 3)).astype(np.uint8)
data = LabelledImages(images, np.arange(20) % 3)
loop = EpochLoop(DenseNetwork((4, 4, 3), (4, 3), 3), data, None, 8)
loop.start(Parameters(l2=0.01, keep_prob=0.8))
print(loop.advance(5)["loss"].tolist(), [one.tolist() for one in loop.network.weights()])
"""


@pytest.mark.slow
def test_a_kept_program_gives_the_same_bits_and_a_damaged_one_is_made_anew(tmp_path: Path) -> None:
    def train(**variables: str) -> str:
        environment = worker_environment(os.environ | {"XDG_CACHE_HOME": str(tmp_path)} | variables)
        command = [sys.executable, "-c", TRAIN]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return done.stdout

    def entries() -> list[Path]:
        return list(tmp_path.rglob("xla_compile_cache*"))

    alone = train(TF_XLA_FLAGS="--tf_xla_persistent_cache_directory=")
    assert not entries()
    assert train() == alone
    (entry,) = entries()
    written = entry.stat().st_mtime_ns
    assert train() == alone
    assert entry.stat().st_mtime_ns == written
    content = entry.read_bytes()
    for damage in (b"", content[:3000]):
        for kept in entries():
            kept.unlink()
        entry.write_bytes(damage)
        assert train() == alone
        assert all(kept.read_bytes() != damage for kept in entries())
