"""Published datasets, from a server on this machine."""

import errno
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from serving import ALL, FILES, TOP, Server, picture, tarred, tree, zipped
from signs_sweep.errors import DataError
from signs_sweep.importing.download import PUBLISHED, fetch


@pytest.fixture
def server() -> Iterator[Server]:
    opened = Server()
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return tmp_path / "cache" / "signs-sweep"


class Bar:
    def __init__(self) -> None:
        self.total, self.sizes = 0, []

    def update(self, size: int) -> None:
        self.sizes.append(size)

    def reset(self) -> None:
        self.sizes.append("reset")

    def close(self) -> None:
        self.sizes.append("close")


def test_a_dataset_is_downloaded_once_and_its_classes_are_chosen(server) -> None:
    bar = Bar()
    found = fetch(server.published, ("0", "2"), progress=bar)
    assert found.unverified is None
    assert [(item.name, item.label) for item in found.collection.items][2:6] == [
        ("0/IMG_2.JPG", "0"),
        ("0/IMG_3.JPG", "0"),
        ("2/IMG_0.JPG", "2"),
        ("2/IMG_1.JPG", "2"),
    ]
    assert found.collection.items[0].open().size == (10, 10)
    assert found.collection.classes == ("0", "2")
    assert found.collection.licence == "Apache-2.0"
    assert bar.total == len(server.answers["/archive"][1])
    assert bar.sizes[-1] == "close"
    again = fetch(server.published, ("0", "1", "2"))
    assert len(again.collection.items) == 12
    assert server.asked == ["/archive", "/listing"]


WRONG = {
    "changed": ({**ALL, "Dataset/1/IMG_0.JPG": picture(200)}, r"1/IMG_0\.JPG \(changed\)"),
    "missing": ({**ALL, "Dataset/1/IMG_0.JPG": None}, r"1/IMG_0\.JPG \(missing\)"),
    "extra": ({**ALL, "Dataset/1/new.JPG": picture(1)}, r"1/new\.JPG \(not published\)"),
    "other": ({"README.md": b"", "pictures/a.JPG": picture(1)}, r"12 of 12 files .*, \.\.\.\."),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_content_names_the_files_and_is_removed_from_the_cache(server, cache, case) -> None:
    files, problem = WRONG[case]
    right = server.answers["/archive"]
    files = {name: content for name, content in files.items() if content is not None}
    server.answers["/archive"] = (200, zipped(files))
    with pytest.raises(DataError, match=problem):
        fetch(server.published, ("0", "1"))
    assert list(cache.iterdir()) == []
    server.answers["/archive"] = right
    assert fetch(server.published, ("0", "1")).unverified is None


@pytest.mark.parametrize(
    ("status", "content", "problem"),
    [
        (404, b"", "the server answered 404 Not Found"),
        (403, b"", "the server answered 403 Forbidden"),
        (500, b"", "the server answered 500 Internal Server Error"),
        (
            200,
            b"\n<!DOCTYPE html><title>Log in</title>",
            "it is a web page, such as that of a proxy",
        ),
        (200, zipped(ALL)[:-30], "not a zip or tar archive, or is truncated"),
    ],
    ids=["404", "403", "500", "page", "truncated"],
)
def test_what_is_not_the_archive_is_an_error_with_alternatives(
    server, cache, status, content, problem
) -> None:
    server.answers["/archive"] = (status, content)
    with pytest.raises(DataError, match=rf"{problem}.*--from FILE.*data: drawn"):
        fetch(server.published, ("0", "1"))
    assert list(cache.iterdir()) == []


def test_a_connection_that_breaks_leaves_nothing_and_the_next_download_starts_over(
    server, cache
) -> None:
    server.cut = 500
    with pytest.raises(DataError, match="the connection broke"):
        fetch(server.published, ("0", "1"))
    assert list(cache.iterdir()) == []
    server.cut = None
    assert fetch(server.published, ("0", "1")).unverified is None


def test_an_interrupted_download_leaves_nothing(server, cache) -> None:
    class Interrupted(Bar):
        def update(self, size: int) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(server.published, ("0", "1"), progress=Interrupted())
    assert list(cache.iterdir()) == []


def test_without_a_network_the_error_has_the_address_for_a_browser(server) -> None:
    server.close()
    with pytest.raises(DataError, match=r"cannot be reached.*/archive in a browser.*--from FILE"):
        fetch(server.published, ("0", "1"))


def test_a_full_disk_is_an_error_that_names_the_folder(server, cache) -> None:
    class Full(Bar):
        def update(self, size: int) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(DataError, match=rf"{cache}: No space left on device\. .*XDG_CACHE_HOME"):
        fetch(server.published, ("0", "1"), progress=Full())
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize("pack", [zipped, tarred])
@pytest.mark.parametrize("top", ["", TOP, "./"])
def test_an_archive_of_the_user_is_verified_as_well(server, tmp_path, pack, top) -> None:
    more = {"Dataset/.DS_Store": b"", "Dataset/0/._IMG_0.JPG": b"", **ALL}
    file = tmp_path / "own"
    file.write_bytes(pack(more, top))
    found = fetch(server.published, ("0", "1", "2"), given=str(file))
    assert (found.unverified, len(found.collection.items)) == (None, 12)
    file.write_bytes(pack({**ALL, "Dataset/1/IMG_0.JPG": picture(200)}, top))
    with pytest.raises(DataError, match=r"own is not digits: 1 of 12 files"):
        fetch(server.published, ("0", "1"), given=str(file))
    assert file.exists()
    with pytest.raises(DataError, match="is not a file"):
        fetch(server.published, ("0", "1"), given=str(tmp_path))


@pytest.mark.parametrize("answer", ["none", "403", "page", "truncated"])
def test_without_the_listing_nothing_is_imported_unless_that_is_chosen(
    server, tmp_path, answer
) -> None:
    file = tmp_path / "own.zip"
    file.write_bytes(zipped(FILES, ""))
    server.answers["/listing"] = (200, {"page": b"<p>"}.get(answer, tree(ALL, truncated=True)))
    if answer == "403":
        server.answers["/listing"] = (403, b"")
    if answer == "none":
        server.close()
    reason = {"none": "cannot be reached", "403": "answered 403"}.get(answer, "did not send")
    with pytest.raises(DataError, match=rf"own\.zip cannot be verified .*{reason}.*--unverified"):
        fetch(server.published, ("0", "1"), given=str(file))
    found = fetch(server.published, ("0", "1"), given=str(file), must_verify=False)
    assert reason in found.unverified
    file.write_bytes(zipped({**FILES, "Dataset/3/a.JPG": b""}))
    with pytest.raises(DataError, match=r"4 folders and 13 pictures; it should have 3 and 12"):
        fetch(server.published, ("0", "1"), given=str(file), must_verify=False)


def test_wrong_content_is_an_error_even_if_it_need_not_be_verified(server) -> None:
    server.answers["/archive"] = (200, zipped({**ALL, "Dataset/1/IMG_0.JPG": picture(200)}))
    with pytest.raises(DataError, match="changed"):
        fetch(server.published, ("0", "1"), must_verify=False)


def test_a_mirror_is_cached_by_its_address_and_its_secrets_are_not_kept(server) -> None:
    path = "/mirror?sig=s3cret&X-Amz-Signature=s3cret"
    server.answers[path] = (200, tarred(ALL))
    shown = f"{server.address}/mirror".replace("//", "//me:***@")
    mirror = f"{server.address}{path}".replace("//", "//me:open-sesame@")
    for _ in range(2):
        found = fetch(server.published, ("0", "1"), given=mirror)
    assert found.collection.source == shown
    assert server.asked == [path, "/listing"]
    server.answers[path + "2"] = (200, b"<p>")
    with pytest.raises(DataError) as error:
        fetch(server.published, ("0", "1"), given=mirror + "2")
    assert f"what {shown} sent" in str(error.value)


def test_an_archive_that_unpacks_to_too_much_is_refused(server, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("signs_sweep.importing.archive._MOST_TIMES", 0)
    for limit, value, problem in (
        ("arrays.available_memory", lambda: 9, r"only 0\.0 GB is"),
        ("archive._MOST_BYTES", 3000, "unpacks to more than .* 3,000 bytes"),
    ):
        monkeypatch.setattr(f"signs_sweep.importing.{limit}", value)
        for name, pack in (("a.zip", zipped), ("a.tgz", tarred)):
            (tmp_path / name).write_bytes(pack(ALL))
            with pytest.raises(DataError, match=problem):
                fetch(server.published, ("0", "1"), given=str(tmp_path / name))


def test_mutated_archives_are_an_error_or_the_published_pictures(server, tmp_path) -> None:
    chance, outcomes = random.Random(0), set()
    for number in range(200):
        content = bytearray((zipped, tarred)[number % 2](ALL))
        for _ in range(chance.randint(1, 3)):
            content[chance.randrange(len(content))] = chance.randrange(256)
        (tmp_path / "own").write_bytes(content)
        try:
            found = fetch(server.published, ("0", "1", "2"), given=str(tmp_path / "own"))
        except DataError:
            outcomes.add("error")
        else:
            outcomes.add("read")
            assert len(found.collection.items) == 12
    assert "error" in outcomes


def test_the_published_digits_are_those_of_the_paper() -> None:
    digits = PUBLISHED["sign-language-digits"]
    assert "arXiv:2011.08927" in digits.citation
    assert digits.archive.endswith("/zip/4b09433ef9d5c60602e8805bb54b8aa2428527f8")
