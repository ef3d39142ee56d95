"""What `signs-sweep data download` shows and writes, and what `data import` does with arrays."""

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from serving import Server
from signs_sweep.cli.app import app
from signs_sweep.data import find_source
from signs_sweep.errors import DataError, UsageError
from signs_sweep.importing.download import PUBLISHED


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    opened = Server()
    monkeypatch.setitem(PUBLISHED, "digits", opened.published)
    yield opened
    opened.close()


def call(*arguments: str):
    return CliRunner().invoke(app, ["data", *arguments])


def load(folder: str):
    return find_source(folder, data_dir=None, spec_folder=Path()).load()


def test_the_chosen_classes_become_a_dataset_with_its_source_beside_it(server, tmp_path) -> None:
    shown = call("download", "digits", "--classes", "0,2", "--size", "8", "--test", "0.5")
    assert f"downloading {server.address}/archive" in shown.stderr
    assert "licence: Apache-2.0" in shown.stdout
    dataset = load("data/digits")
    assert dataset.classes == ("0", "2")
    assert dataset.train_images.shape == dataset.test_images.shape == (4, 8, 8, 3)
    assert dataset.origin.source == f"{server.address}/archive"
    assert dataset.origin.made.endswith("(all 12 pictures have the published content)")
    text = (tmp_path / "data" / "digits" / "source_signs.txt").read_text(encoding="utf-8")
    expected = f"source: {server.address}/archive\nlicence: Apache-2.0\ncitation: Someone (2020)\n"
    assert text.startswith(expected)


def test_the_licence_of_a_dataset_does_not_stay_beside_another(server, tmp_path) -> None:
    call("download", "digits", "--classes", "0,2", "--size", "8", "-o", "own")
    (tmp_path / "own" / "SOURCE.txt").write_text("of the user")
    images = np.random.default_rng(0).integers(0, 256, (40, 12, 10)).astype(np.uint8)
    np.savez("own.npz", x_train=images, y_train=np.arange(40) % 4)
    assert call("import", "own.npz", "-o", "own", "--overwrite").exit_code == 0
    assert not (tmp_path / "own" / "source_signs.txt").exists()
    assert (tmp_path / "own" / "SOURCE.txt").read_text() == "of the user"


def test_the_query_of_an_address_is_neither_printed_nor_stored(
    server, tmp_path, monkeypatch
) -> None:
    path = "/mirror?sig=S3CRETSIG&key=S3CRETKEY"
    server.answers[path] = server.answers["/archive"]
    words = ["download", "digits", "--size=8", "-o", "own", f"--from={server.address}{path}"]
    words += ["--classes=0-2"]
    monkeypatch.setattr("sys.argv", ["signs-sweep", "data", *words])
    shown = call(*words)
    assert shown.exit_code == 0
    assert f"downloading {server.address}/mirror\n" in shown.stderr
    assert f"--from={server.address}/mirror --classes" in load("own").origin.made
    kept = [file.read_bytes() for file in (tmp_path / "own").iterdir()]
    assert not any(b"S3CRET" in text for text in (shown.output.encode(), *kept))


def test_what_could_not_be_verified_is_a_warning_and_is_kept(server) -> None:
    server.answers["/listing"] = (403, b"")
    words = ("download", "digits", "--classes", "0-2", "--size", "8", "-o", "own")
    with pytest.raises(DataError, match=r"answered 403.*--unverified"):
        raise call(*words).exception
    shown = call(*words, "--unverified")
    assert "warning: not verified: only the number" in " ".join(shown.stderr.split())
    assert "(not verified:" in load("own").origin.made


@pytest.mark.parametrize("classes", ["", "0-7", "a", "1", "0;1", "2-0"])
def test_classes_that_do_not_exist_are_refused_before_anything_is_downloaded(
    server, classes
) -> None:
    with pytest.raises(UsageError, match="--classes"):
        raise call("download", "digits", "--classes", classes).exception
    assert server.asked == []


def test_arrays_are_imported_with_their_size_and_channels(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    images = np.random.default_rng(0).integers(0, 256, (40, 12, 10)).astype(np.uint8)
    labels = np.arange(40) % 4 + 7
    parts = {"x_train": images[:30], "y_train": labels[:30]}
    np.savez("own.npz", **parts, x_test=images[30:], y_test=labels[30:])
    assert call("import", "own.npz", "-o", "own").exit_code == 0
    dataset = load("own")
    assert np.array_equal(dataset.train_images[..., 0], images[:30])
    assert np.array_equal(dataset.test_images[..., 0], images[30:])
    assert dataset.classes == ("7", "8", "9", "10")
    assert np.array_equal(dataset.train_labels, labels[:30] - 7)
