"""Where the classes, parts and groups of pictures come from."""

import re
from pathlib import Path

import numpy as np
import pytest
from pictures import counts, importing, names, picture, save

from signs_sweep.data import Dataset, find_source
from signs_sweep.errors import DataError, SignsSweepError
from signs_sweep.importing import Choices, Collection, Item, claimed, collect, import_pictures


def test_folders_are_classes_at_any_depth_and_numbers_are_in_order(tmp_path: Path) -> None:
    source = save(tmp_path / "in", *names("10", "9", "b\u00e4r"), "9/deep/er/x.jpg", "9/deep/y.jpg")
    for ignored in ("9/.hidden.jpg", "__MACOSX/9/._0.png", ".git/a/b.png", "9/Thumbs.db"):
        (source / ignored).parent.mkdir(parents=True, exist_ok=True)
        (source / ignored).write_bytes(b"not a picture")
    (source / "README.txt").write_text("about")
    done, dataset = importing(source, tmp_path / "out")
    assert dataset.classes == ("9", "10", "b\u00e4r")
    assert counts(done) == {"train": [6, 5, 5], "test": [2, 1, 1]}
    assert done.is_split
    assert done.skipped == [("README.txt", "no class")]
    assert done.sizes == [((16, 24), 20)]
    assert dataset.image_shape == (64, 64, 3)
    assert dataset.origin is not None
    assert dataset.origin.source == str(source)
    assert dataset.origin.preparation == done.preparation


def test_classes_come_from_file_names_if_there_are_no_folders(tmp_path: Path) -> None:
    files = [f"{label}_IMG_{number}.jpg" for label in (0, 1) for number in range(4)]
    save(tmp_path / "in", *(f"train_signs/{file}" for file in files))
    save(
        tmp_path / "in",
        *(f"test_signs/{file.replace('IMG', 'T')}" for file in files),
        "test_signs/x.jpg",
    )
    done, dataset = importing(tmp_path / "in", tmp_path / "out")
    assert dataset.classes == ("0", "1")
    assert counts(done) == {"train": [4, 4], "test": [4, 4]}
    assert done.skipped == [("test_signs/x.jpg", "no class")]
    assert not done.is_split


def test_remarks_name_what_an_import_guessed(tmp_path: Path) -> None:
    source = save(tmp_path / "in", *names("Cat", "cat", "x/a", "x/b"), "cat/deep/er/x.png")
    deep = "pictures in deeper folders belong to the class at the top"
    assert collect(str(source), tmp_path).remarks == (
        f"{deep}: 13, such as cat/deep/er/x.png to 'cat'",
        "classes whose names differ only in case or spaces: 'Cat' and 'cat'",
    )
    source = save(tmp_path / "files", "a_1.png", "b_1.png")
    assert collect(str(source), tmp_path).remarks == (
        "classes are what is before the first underscore of a file name",
    )


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "the name of the source is empty. Name the current folder as a dot"),
        ("x.7z", "x.7z is an archive of a kind that is not read: unpack it first"),
        ("x.npy", "x.npy is a single array: store an .npz file with x_train and y_train"),
        ("x.h5", "x.h5 may be part of a dataset already: see `signs-sweep data info "),
        ("x.JPG", "x.JPG is a single picture: name its folder, "),
    ],
)
def test_a_source_that_cannot_be_imported_is_an_error_with_advice(
    tmp_path: Path, name: str, message: str
) -> None:
    if name:
        (tmp_path / name).write_text("x")
    with pytest.raises(DataError, match=message):
        collect(str(tmp_path / name) if name else " ", tmp_path)


@pytest.mark.parametrize("part", ["val", "Valid", "validation", "dev"])
def test_a_validation_set_joins_the_training_set_or_is_kept(tmp_path: Path, part: str) -> None:
    parts = {"Train": 5, "test": 3, part: 2}
    paths = [
        f"{name}/{path}"
        for name, number in parts.items()
        for path in names("a", "b", number=number)
    ]
    source = save(tmp_path / "in" / "all", *paths).parent
    done, dataset = importing(source, tmp_path / "joined")
    assert (counts(done), done.joined) == ({"train": [7, 7], "test": [3, 3]}, 4)
    done, dataset = importing(source, tmp_path / "kept", keeps_validation=True)
    assert (counts(done), done.joined) == ({"train": [5, 5], "val": [2, 2], "test": [3, 3]}, 0)
    assert dataset.given == 4


def test_a_test_set_is_split_off_if_there_is_only_training_and_validation(tmp_path: Path) -> None:
    paths = [f"{part}/{path}" for part in ("train", "val") for path in names("a", "b", number=5)]
    done, _ = importing(save(tmp_path / "in", *paths), tmp_path / "out", keeps_validation=True)
    assert counts(done) == {"train": [4, 4], "val": [5, 5], "test": [1, 1]}


def test_train_is_a_class_among_vehicles(tmp_path: Path) -> None:
    source = save(tmp_path / "in", *names("car", "train", "plane"))
    assert importing(source, tmp_path / "out")[1].classes == ("car", "plane", "train")


@pytest.mark.parametrize("test", ["test", "test_v1", "testing", "Test2017"])
def test_two_folders_of_parts_are_parts_beside_stray_pictures(tmp_path: Path, test: str) -> None:
    paths = [f"{part}/{path}" for part in ("train", test) for path in names("a", "b")]
    found = collect(str(save(tmp_path / "in", *paths, "preview.png")), tmp_path)
    assert {(item.name.split("/")[0], item.part) for item in found.items} == {
        ("train", "train"),
        (test, "test"),
    }
    assert {item.label for item in found.items} == {"a", "b"}
    assert found.skipped == (("preview.png", "not in the folder of a part"),)


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        (
            [*names("train/a", "train/b", "val/a"), "examples/a/1.png"],
            "has the folders train and val, and besides them examples. Move what is not in a part",
        ),
        (
            names("cat/train", "cat/test", "dog/train"),
            "in those of classes: cat/test and cat/train and dog/train. Put the parts at the top",
        ),
        (
            [*names("train/a", "train/b"), "test/IMG_1.png", "test/DSC_1.png"],
            "has folders of classes in train, but not in test. Put .* move test elsewhere",
        ),
    ],
)
def test_a_layout_that_is_ambiguous_is_an_error(
    tmp_path: Path, paths: list[str], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        collect(str(save(tmp_path / "in", *paths)), tmp_path)


def test_the_split_is_stratified_and_depends_on_the_seed_alone(tmp_path: Path) -> None:
    source = save(tmp_path / "in", *names("a", number=10), *names("b", number=20))
    first, again, other = (
        importing(source, tmp_path / name, test=0.3, seed=seed)
        for name, seed in (("first", 0), ("again", 0), ("other", 1))
    )
    assert counts(first[0]) == {"train": [7, 14], "test": [3, 6]}
    assert first[1].fingerprint == again[1].fingerprint != other[1].fingerprint


def manifest(folder: Path, *rows: str) -> Path:
    """Write a CSV file and the pictures that its lines begin with."""
    folder.mkdir(exist_ok=True)
    for row in rows[1:]:
        path = folder / row.split(",")[0]
        if path.suffix == ".png":
            picture(path.name).save(path)
    (folder / "list.csv").write_text("\n".join(rows) + "\n", encoding="utf-8-sig")
    return folder / "list.csv"


def test_a_manifest_has_labels_and_groups_that_no_split_divides(tmp_path: Path) -> None:
    rows = [f"{n}.png,{'cat' if n % 2 else 'dog'},{n // 4 if n else ''},x" for n in range(24)]
    file = manifest(tmp_path / "in", "path,label,Group,note", *rows, "gone.jpg,cat,7,x")
    done, dataset = importing(file, tmp_path / "out", test=0.3)
    assert dataset.train_groups is not None
    assert dataset.test_groups is not None
    assert not set(dataset.train_groups) & set(dataset.test_groups)
    assert "0.png" in {*dataset.train_groups, *dataset.test_groups}
    assert done.groups["train"] + done.groups["test"] == 7
    assert done.skipped == [("gone.jpg", "No such file or directory")]
    train, _ = dataset.split(0.4)
    assert len(set(dataset.train_groups[train])) < done.groups["train"]


def test_a_manifest_has_parts(tmp_path: Path) -> None:
    rows = [f"{n}.png,{n % 2},{('train', 'Dev', 'test')[n // 2 % 3]}" for n in range(12)]
    done, _ = importing(manifest(tmp_path / "in", "path,label,split", *rows), tmp_path / "out")
    assert counts(done) == {"train": [4, 4], "test": [2, 2]}


@pytest.mark.parametrize("separator", [";", "\t"])
def test_a_manifest_of_a_spreadsheet_is_read(tmp_path: Path, separator: str) -> None:
    save(tmp_path, *names("a", "b"))
    rows = [["Path", "Label"], *([rf"{c}\{n}.png", f"{c},"] for n in range(6) for c in "abb")]
    text = "\r\n".join(separator.join(row) for row in rows)
    (tmp_path / "list.csv").write_bytes(text.encode("utf-8-sig"))
    found = collect(str(tmp_path / "list.csv"), tmp_path)
    assert [(item.name, item.label) for item in found.items[:2]] == [
        ("a/0.png", "a,"),
        ("b/0.png", "b,"),
    ]
    assert len(found.items) == 12
    assert found.remarks == ("repeated lines were ignored: 6, the first is line 4",)
    for encoding in ("utf-16", "latin-1"):
        (tmp_path / "list.csv").write_text("path,label\ncaf\xe9.png,1", encoding=encoding)
        with pytest.raises(DataError, match=r"list.csv is not UTF-8. Save it as CSV UTF-8.$"):
            collect(str(tmp_path / "list.csv"), tmp_path)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["path,class", "a.png,1"], "line 1: the header has no column label"),
        (["path|label", "a.png|1"], "line 1: .* Separate values by commas"),
        (["path,label,label", "a.png,1,1"], "line 1: .* the column label twice"),
        (["path,label", "a.png,1", "b.png,1,2"], "line 3: 3 values, but the header has 2"),
        (["path,label", "a.png,1", "", "b.png,"], "line 4: label is empty"),
        (
            ["path,label", "a.png,1", "a.png,2", "a.png,1", "./a.png,3"],
            "line 3: a.png is also in line 2; line 5: ./a.png is also in line 2, with a different",
        ),
        (["path,label", r"..\a.png,1"], "line 2: ../a.png is not in the folder"),
        (["path,label,split", "a.png,1,"], "line 2: split is ''; expected train, val or test"),
        (["path,label", f"a.png,{'x' * 256}"], "line 2: the label is longer than 255 bytes"),
        (["path,label", 'a.png,"1'], "line 2: unexpected end of data"),
        (["path,label", "a.png," + "x" * 200_000], "line 2: field larger than field limit"),
        (["path,label"], "lists no pictures"),
        (["path,label", "a.png,1", "/b.png,1"], "line 3: /b.png is not in the folder of the CSV"),
        (["path,label", "a/../../b.png,1"], r"line 2: a/\.\./\.\./b.png is not in the folder"),
    ],
)
def test_an_error_in_a_manifest_has_its_line(tmp_path: Path, rows: list[str], message: str) -> None:
    file = tmp_path / "list.csv"
    file.write_text("\n".join(rows) + "\n", encoding="utf-8")
    with pytest.raises(DataError, match=message):
        collect(str(file), tmp_path)


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        (
            names("cat"),
            "has no pictures with classes: it has only the folder 'cat', and .* Put the pictures",
        ),
        (
            ["1.png"],
            r"has no pictures with classes: its pictures \(1\) are not in folders. Put the",
        ),
        ([], "has no pictures with classes: it is empty"),
        (["notes/a.txt"], "has no pictures with classes: none of its 1 files has the name of a"),
        (["a/train_signs.h5"], r"it is a dataset already. See `signs-sweep data info \S+/in/a`"),
        (["dataset_dict.json", "train/x.arrow"], r"If save_to_disk wrote it: hf:\S+/in$"),
        (["x/photos.ZIP"], r"classes, but x/photos.ZIP. Unpack what is in it"),
        (
            [f"x/IMG_{n}.png" for n in range(60)],
            r"only the class 'IMG' \(60 files\), what is before the first underscore of .* Put the",
        ),
        ([f"{p}/cat/1.png" for p in ("train", "test")], r"only the class 'cat' \(2 files\); at"),
        ([*names("a"), "b/0.png"], r"class 'b' has 1 picture; .* at least 3. Add some, or remove"),
        (
            [*names("a"), *names("b", number=2), "c/0.png"],
            "class 'b' has 2 pictures, class 'c' has 1 picture; .* larger --test, .* classes",
        ),
        (
            [*names("a"), *names(*(f"r{n}" for n in range(12)), number=2)],
            "class 'r0' has .*, class 'r7' has 2 pictures, 2 more have too few; a test set of 0.2",
        ),
        ([f"test/{path}" for path in names("a", "b")], "there is no training set"),
        (
            [f"train/{p}" for p in names("a", "b")] + ["test/a/0.png"],
            "the test set has 1 pictures of class 'a'",
        ),
        (
            [f"train/{p}" for p in names("a", "b")] + [f"test/{p}" for p in names("c", "d")],
            r"no class is in both the training set \(a, b\) and the test set \(c, d\). Give",
        ),
        (
            [f"train/{p}" for p in names("A", "b")] + [f"test/{p}" for p in names("a", "b ")],
            "only in case or spaces: 'A' and 'a', 'b' and 'b '. Give the classes the same names",
        ),
    ],
)
def test_pictures_that_make_no_dataset_are_an_error(
    tmp_path: Path, paths: list[str], message: str
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/empty").mkdir()
    for path in paths:
        if not path.endswith(".png"):
            (tmp_path / "in" / path).parent.mkdir(exist_ok=True)
            (tmp_path / "in" / path).write_text("text")
        else:
            save(tmp_path / "in", path)
    with pytest.raises(DataError, match=message):
        importing(tmp_path / "in", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_group_in_two_parts_or_too_few_groups_are_an_error(tmp_path: Path) -> None:
    rows = [f"{n}.png,{n % 2},{'test' if n > 7 else 'train'},g{n // 2}" for n in range(12)]
    file = manifest(tmp_path / "in", "path,label,split,group", *rows[:-1], "11.png,1,test,g1")
    with pytest.raises(
        DataError, match=r"group 'g1' is in two parts: 2.png is in train, and 11.png"
    ):
        importing(file, tmp_path / "out")
    rows = [f"{n}.png,{n % 2},{n % 2}" for n in range(12)]
    with pytest.raises(DataError, match=r"class '0' has 1 group, .* needs at least 2"):
        importing(manifest(tmp_path / "in", "path,label,group", *rows), tmp_path / "out")
    rows = [f"{n}.png,{n % 2},{n // 6}" for n in range(12)]
    with pytest.raises(DataError, match=r"no test set of 0.01 can be split off: groups"):
        importing(manifest(tmp_path / "in", "path,label,group", *rows), tmp_path / "out", test=0.01)


def test_a_class_of_few_large_groups_has_its_smallest_in_the_test_set(tmp_path: Path) -> None:
    sizes = {"a": [5] * 10, "b": [5] * 10, "c": [31, 29]}
    groups = [
        (label, f"{label}{group}")
        for label, members in sizes.items()
        for group, size in enumerate(members)
        for _ in range(size)
    ]
    rows = [f"{n}.png,{label},{group}" for n, (label, group) in enumerate(groups)]
    file = manifest(tmp_path / "in", "path,label,group", *rows)
    done, dataset = importing(file, tmp_path / "out")
    assert counts(done) == {"train": [40, 40, 31], "test": [10, 10, 29]}
    assert dataset.test_groups is not None
    assert {name for name in dataset.test_groups if name[0] == "c"} == {"c1"}
    groups = ["a3", "a0", "b1", "b3", "c0", "c1", "c2", "c2", "c4", "d0", "d1", "d1"]
    rows = [f"{n}.png,{label},{group}" for n, (label, group) in enumerate(groups)]
    with pytest.raises(
        DataError, match=r"class 'b' has no group .* its 2 groups \(1, 3\) is needed"
    ):
        importing(manifest(tmp_path / "in", "path,label,group", *rows), tmp_path / "none")


def test_names_of_any_bytes_are_kept_or_escaped(tmp_path: Path) -> None:
    odd = b"caf\xe9".decode(errors="surrogateescape")
    labels = ("\U0001f44d", "e\u0301t\u00e9", "tab\there", odd, "x" * 255)
    done, dataset = importing(save(tmp_path / "in", *names(*labels)), tmp_path / "out")
    assert set(dataset.classes) == {
        "\U0001f44d",
        "\u00e9t\u00e9",
        r"tab\there",
        r"caf\xe9",
        "x" * 255,
    }
    assert len(np.unique(dataset.train_labels)) == 5
    assert not done.skipped


def test_a_name_that_no_reader_could_show_or_tell_apart_is_escaped_or_an_error(
    tmp_path: Path,
) -> None:
    def attempt(*labels: str, classes: tuple[str, ...] | None = None, group: str = "") -> Dataset:
        items = tuple(
            Item(f"{row}", label, None, f"{group}{row}", lambda row=row: picture(row))
            for row, label in enumerate(labels * 3)
        )
        citation = "A\x1b[31mB"
        found = Collection(items, classes, "here\udce9", citation=citation)
        with claimed(tmp_path / "out", overwrites=True) as target:
            import_pictures(found, target, Choices(), lambda *_: None)
        return find_source("out", data_dir=None, spec_folder=tmp_path).load()

    dataset = attempt("\x1b[31mred", "\ud800")
    assert dataset.classes == (r"\ud800", r"\x1b[31mred")
    assert dataset.origin is not None
    assert (dataset.origin.source, dataset.origin.citation) == (r"here\xe9", r"A\x1b[31mB")
    files = {path: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    for message, arguments in {
        r"the class 'xxx.*' has 20,000 bytes; at most 10,000": {"labels": ("x" * 20_000, "b")},
        r"the group 'xxx.*' has 20,001 bytes": {"labels": ("a", "b"), "group": "x" * 20_000},
        r"classes 'a\\n' and 'a\\\\n' would have the same name": {"labels": ("a\n", r"a\n")},
        "1 has the class 'c', which is not among the 2 classes of here": {
            "labels": ("a", "c"),
            "classes": ("a", "b"),
        },
    }.items():
        labels = arguments.pop("labels")
        with pytest.raises(DataError, match=message):
            attempt(*labels, **arguments)
    assert {path: path.read_bytes() for path in (tmp_path / "out").iterdir()} == files


def test_a_link_to_outside_the_folder_is_skipped(tmp_path: Path) -> None:
    source = save(tmp_path / "in", *names("a", "b"))
    other = save(tmp_path / "other", "1.png", "c/1.png")
    (source / "a/out.png").symlink_to(other / "1.png")
    (source / "a/in.png").symlink_to("../b/0.png")
    (source / "c").symlink_to(other / "c")
    (source / "d").symlink_to("b")
    (tmp_path / "link").symlink_to(source)
    found = collect(str(tmp_path / "link"), tmp_path)
    outside = "a link to outside the folder"
    assert found.skipped == (("a/out.png", outside), ("c", outside))
    assert {item.name for item in found.items} >= {"a/in.png", "a/0.png"}
    file = manifest(source, "path,label", "a/0.png,a", "a/out.png,a", "a/in.png,a", "b/1.png,b")
    found = collect(str(file), tmp_path)
    assert found.skipped == (("a/out.png", outside),)
    assert [item.name for item in found.items] == ["a/0.png", "a/in.png", "b/1.png"]
    (other / "only").mkdir()
    (other / "only/a").symlink_to(source)
    with pytest.raises(
        DataError, match=r"only has only links to outside, .*: a. Copy the pictures"
    ):
        collect(str(other / "only"), tmp_path)


@pytest.mark.parametrize("name", ["pictures", "photos.zip"])
def test_a_spec_with_pictures_as_data_names_the_command(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"PK") if path.suffix else path.mkdir()
    command = f"signs-sweep data import {path} -o data/mine"
    with pytest.raises(SignsSweepError, match=re.escape(command)):
        find_source(name, data_dir=None, spec_folder=tmp_path)
