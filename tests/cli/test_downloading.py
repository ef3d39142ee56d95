"""What `signs-sweep data download` shows and passes on."""

import sys
from types import SimpleNamespace

import pytest

from serving import Server
from signs_sweep.cli.downloading import download
from signs_sweep.errors import UsageError
from signs_sweep.importing.download import PUBLISHED


@pytest.fixture
def finished(monkeypatch) -> list:
    """The calls of the function that imports a collection."""
    calls: list = []

    def finish(collection, folder, made) -> None:
        folder.mkdir(parents=True)
        calls.append((collection, made))

    monkeypatch.setitem(sys.modules, "signs_sweep.cli.importing", SimpleNamespace(finish=finish))
    return calls


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    opened = Server()
    monkeypatch.setitem(PUBLISHED, "digits", opened.published)
    yield opened
    opened.close()


def test_the_chosen_classes_are_imported_and_their_source_is_beside_the_data(
    server, finished, tmp_path, capsys
) -> None:
    download("digits", classes="0,2")
    ((collection, made),) = finished
    assert [item.label for item in collection.items] == ["0", "0", "2", "2"]
    assert made.startswith("signs-sweep data download digits --classes 0,2 (all 6 pictures have")
    shown = capsys.readouterr()
    assert "licence   Apache-2.0" in shown.out
    assert f"downloading {server.address}/archive" in shown.err
    text = (tmp_path / "data" / "digits" / "SOURCE.txt").read_text(encoding="utf-8")
    assert f"source: {server.address}/archive\nlicence: Apache-2.0\n" in text


def test_what_could_not_be_verified_is_a_warning_and_is_kept(server, finished, capsys) -> None:
    server.answers["/listing"] = (403, b"")
    download("digits", classes="0-2")
    ((_, made),) = finished
    assert "(not verified:" in made
    assert "warning: not verified: only the number" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("classes", ["", "0-7", "a", "1", "0;1", "2-0"])
def test_classes_that_do_not_exist_are_refused_before_anything_is_downloaded(
    server, finished, classes
) -> None:
    with pytest.raises(UsageError, match="--classes"):
        download("digits", classes=classes)
    assert server.asked == []
