"""What travels to the nodes of a cluster."""

import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

import pytest

from signs_sweep.data import DataSource
from signs_sweep.errors import DataError
from signs_sweep.executors.cluster import Parcel
from signs_sweep.planning.building import find_model

FILES = {
    "nets.py": "import helper, numpy\nfrom parts.deep import block\ndef net(shape, classes): ...",
    "helper.py": "def lazy():\n    import late",
    "late.py": "import nets",
    "unused.py": "",
    "secret.txt": "",
    "parts/__init__.py": "from . import base",
    "parts/base.py": "",
    "parts/unused.py": "",
    "parts/deep/__init__.py": "from .block import Block as block\nfrom ..near import *",
    "parts/deep/block.py": "from ... import nothing\nimport parts.deep.leaf",
    "parts/deep/leaf.py": "this is no Python",
    "parts/near.py": "",
}


def write(folder: Path, files: Mapping[str, str]) -> Path:
    for name, content in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8")
    return folder


def unpack(parcel: Parcel, folder: Path) -> None:
    for path, file in parcel.files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(file.read_bytes())


def test_a_model_travels_with_the_modules_beside_it_that_it_imports(tmp_path: Path) -> None:
    source, _ = find_model("nets:net", (), write(tmp_path, FILES))
    parcel = Parcel.of({}, {"key": source})
    travelling = {path.relative_to("key").as_posix() for path in parcel.files}
    assert travelling == FILES.keys() - {"unused.py", "secret.txt", "parts/unused.py"}
    assert all(file.is_file() for file in parcel.files.values())


def test_modules_of_installed_packages_stay_at_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = write(tmp_path / "installed", {"library.py": "import other", "other.py": ""})
    monkeypatch.setattr(sysconfig, "get_path", lambda _: str(installed))
    monkeypatch.syspath_prepend(installed)
    text = "import library\ndef net(shape, classes): ..."
    source, _ = find_model("mine:net", (), write(tmp_path / "own", {"mine.py": text}))
    assert Parcel.of({}, {"key": source}).files.keys() == {Path("key/mine.py")}


def test_models_of_two_folders_with_equal_names_load_from_their_own_files(tmp_path: Path) -> None:
    models = {}
    for name in ("a", "b"):
        text = f"import helper_{name}\ndef net(shape, classes): return helper_{name}.NAME"
        files = {"nets.py": text, f"helper_{name}.py": f"NAME = '{name}'"}
        models[name], _ = find_model("nets:net", (), write(tmp_path / name, files))
    parcel = Parcel.of({}, models)
    unpack(parcel, tmp_path / "node")
    for name in models:
        write(tmp_path / name, {"nets.py": "", f"helper_{name}.py": ""})
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path / "node")
        patch.setattr(sys, "path", [*sys.path])
        functions = [parcel.models[name].load() for name in models]
    assert [function((), 2) for function in functions] == ["a", "b"]


def test_a_file_that_changes_before_it_is_packed_is_an_error_on_the_node(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "def net(shape, classes): ..."
    source, _ = find_model("nets:net", (), write(tmp_path, {"nets.py": text}))
    parcel = Parcel.of({}, {"key": source})
    write(tmp_path, {"nets.py": f"{text}  # changed"})
    unpack(parcel, tmp_path / "node")
    monkeypatch.chdir(tmp_path / "node")
    with pytest.raises(DataError, match="has changed since the sweep began"):
        parcel.models["key"].load()


def test_each_dataset_travels_into_a_folder_of_its_own(tmp_path: Path) -> None:
    train, test, validation = (tmp_path / f"{part}_signs.h5" for part in ("train", "test", "val"))
    sources = {
        "one": DataSource("signs", train, test, drawn=False),
        "two": DataSource("signs", train, test, drawn=False, validation=validation),
    }
    parcel = Parcel.of(sources, {})
    assert parcel.files == {
        Path("one/train.h5"): train,
        Path("one/test.h5"): test,
        Path("two/train.h5"): train,
        Path("two/test.h5"): test,
        Path("two/validation.h5"): validation,
    }
    assert parcel.sources["two"].validation == Path("two/validation.h5")
    assert parcel.sources["one"].validation is None
