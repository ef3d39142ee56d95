"""Files that are not specs, and unusual YAML."""

import cProfile
import os
from pathlib import Path

import pytest

from signs_sweep.errors import SpecError
from signs_sweep.spec import load


def refused(path: Path) -> str:
    with pytest.raises(SpecError) as caught:
        load(path)
    return str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert refused(tmp_path / "a.yaml") == f"{tmp_path}/a.yaml: there is no such file"


def test_a_file_that_is_not_there_but_one_of_a_similar_name(tmp_path: Path) -> None:
    (tmp_path / "dropout.yaml").touch()
    shown = refused(tmp_path / "dropuot.yaml")
    assert shown.endswith(f"no such file; did you mean {tmp_path}/dropout.yaml?")


def test_a_file_that_is_not_there_but_others(tmp_path: Path) -> None:
    for name in ("one.yaml", "two.yml", "three.txt"):
        (tmp_path / name).touch()
    shown = refused(tmp_path / "dropout.yaml")
    assert shown.endswith(f"no such file. Specs in {tmp_path}: one.yaml, two.yml")


def test_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").touch()
    assert refused(tmp_path).endswith(
        f"this is a folder; name a spec file in it, such as {tmp_path}/a.yaml"
    )


def test_a_file_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").touch()
    assert "cannot be read: Not a directory" in refused(tmp_path / "a.yaml" / "b.yaml")


@pytest.mark.parametrize("name", ["a\0b", "a" * 300])
def test_a_path_that_cannot_be(tmp_path: Path, name: str) -> None:
    assert "cannot be read: " in refused(tmp_path / name)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.touch(mode=0o000)
    assert "cannot be read: Permission denied" in refused(path)


@pytest.mark.parametrize("text", ["", "\n\n", "# only\n  # comments\n", "---\n", "\ufeff", "~"])
def test_an_empty_file(message_of, text: str) -> None:
    shown = message_of(text)
    assert "empty" in shown or "a spec must be a mapping" in shown


@pytest.mark.parametrize("text", ["- a\n", "[a, b]", "just text", "42"])
def test_a_file_that_is_not_a_mapping(problems_of_text, text: str) -> None:
    (problem,) = problems_of_text(text)
    assert (problem.place, problem.message) == ("1:1", "a spec must be a mapping")
    assert problem.hint == "begin with `name: ...`"


def test_several_documents(problems_of_text) -> None:
    (problem,) = problems_of_text("name: a\n---\nname: b\n")
    assert problem.place == "2:1"
    assert problem.message == "a second document begins here"
    assert problem.hint == "a spec is one document; put other documents into separate files"


@pytest.mark.parametrize(
    ("content", "place", "message"),
    [
        (b"name: \xff\n", "1:7", "the byte 0xff is not valid UTF-8"),
        (b"name: x\ndata: \xc3\xa9 \xe9\n", "2:9", "the byte 0xe9 is not valid UTF-8"),
        ("name: x\n".encode("utf-16"), "1:1", "the byte 0xff is not valid UTF-8"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "1:1", "the byte 0x89 is not valid UTF-8"),
        (b"name: x\ndata: a\0\n", "2:8", r"the character '\x00' is not allowed"),
        (b"\x7fELF\x02\x01\x01", "1:1", r"the character '\x7f' is not allowed"),
        (b"name: x\x1b[31m\n", "1:8", r"the character '\x1b' is not allowed"),
        ("name: x\ufeff\n".encode(), "1:8", r"the character '\ufeff' is not allowed"),
    ],
)
def test_a_file_that_is_not_text(
    problems_of_text, content: bytes, place: str, message: str
) -> None:
    (problem,) = problems_of_text(content)
    assert (problem.place, problem.message) == (place, message)


@pytest.mark.parametrize(
    ("text", "place", "marked", "message", "hint"),
    [
        # What is valid YAML, but not here
        ("name:\tx\n", "1:6", "    ", "a tab is not allowed here", "write a space instead"),
        ("name: x\t\t\n", "1:8", None, "a tab is not allowed here", "write a space instead"),
        ("data: {train: a\tb}\n", "1:16", None, "a tab is not allowed here", "write a space"),
        ("name: x\n\tdata: y\n", "2:1", "    ", "is indented with a tab", "indent with spaces"),
        ("name: x\n...\ny", "3:1", "y", "a second document begins here", "is one document"),
        ("%YAML 1.1\n---\nname: x\n", "1:1", "%", "a spec must be YAML 1.2", "remove this line"),
        # Indentation
        ("  name: x\nseeds: 3\n", "1:1", "  ", "the first key is indented, unlike", "remove the s"),
        ("#\n\n  name: x\nseeds: 3\n", "3:1", "  ", "is indented, unlike the key at 4:1", "remove"),
        ("--- # x\n name: x\nseeds: 3\n", "2:1", " ", "indented, unlike the key at 3:1", "remove"),
        ("name: x\n seeds: 3\n", "2:2", "seeds", "does not fit", "indent keys of one lev"),
        ("name x\nseeds: 3\n", "2:1", "seeds", "does not fit", "each as key: value"),
        ("name:x\nseeds: 3\n", "1:1", "name:x", "not a key with a value", "write name: x"),
        ("// x\nname: x\n", "2:1", "name", "does not fit", "a comment begins with #"),
        ("base:\n  l2: 1\n epochs: 3\n", "3:2", "epochs", "does not fit", "of one level equally"),
        ("name: x\n- a\n", "2:1", "-", "a list item is not allowed here", "a key without an"),
        # Keys without values
        ("name: x\nbase\n", "2:1", "base", "not a key with a value", "write key: value"),
        ("name: x\nseeds:3 # y\n", "2:1", "seeds:3", "not a key with a value", "write seeds: 3"),
        ("name: x\nseeds = 3\n", "2:1", "seeds = 3", "not a key with a value", "write seeds: 3"),
        ("grid:\n  l2:\n  -0\n  -1\n", "3:3", "-0", "not a key", "write '- ' before each item"),
        ("name = x\n", "1:1", "name = x", "a spec must be a mapping", "write name: x"),
        ("name:\u00a0x\n", "1:1", None, "a spec must be a mapping", "write name: x"),
        ("'name: x'", "1:1", "'name: x'", "a spec must be a mapping", "write name: x"),
        # Brackets and quotes
        ("name: x\nbase: {l2: 1\n", "2:7", "{", "this bracket is not closed", "write } where it"),
        ("name: 'x\n", "1:7", "'", "this quote is not closed", "write ' where it ends"),
        ('name: "x\n---\n', "1:7", '"', "this quote is not closed", 'write " where it ends'),
        ("grid: {l2: [0, 1}\n", "1:17", "}", "',' or ']' is missing", "for the '[' at 1:12"),
        ("base: {l2: 1; epochs: 3}\n", "1:21", ":", "',' or '}' is missing", "'{' at 1:7"),
        ("grid: {l2: [0,, 1]}\n", "1:15", ",", "a value is missing before this", "write the value"),
        ("name: {x}}\n", "1:10", "}", "more text after the value", "remove it"),
        ("{name: x}\nseeds: 3\n", "2:1", "s", "the spec ends before this", "inside the braces"),
        # Texts that need quotes
        ("description: a: b\n", "1:15", ":", "a second ': ' in one line", "put text in quotes"),
        ("base: l2: 1\n", "1:9", ":", "a second ': ' in one line", "keys in braces"),
        ("description: [a] b\n", "1:18", "b", "more text after the value", "in double quotes"),
        ("description: 'it's'\n", "1:18", "s", "more text after the value", "in double quotes"),
        ("description: - a\n", "1:14", "-", "cannot begin on the line of its key", "in quotes"),
        ("name: @x\n", "1:7", "@", "text cannot begin with @", "put it in quotes"),
        ("name: ]\n", "1:7", "]", "a value is missing before this", "in quotes"),
        ("name: ?\n", "1:7", "?", "a value is missing before this", "in quotes"),
        ("name: *x\n", "1:7", "*", "anchor &x is not defined above", "put text that begins with"),
        ('data: "C:\\Users"\n', "1:12", "s", "begins an escape sequence", "single quotes"),
        ("name: |x\n", "1:8", "x", "this is not valid YAML: while scanning a block scalar", ""),
    ],
)  # fmt: skip
def test_text_that_the_parser_refuses(
    problems_of_text, text: str, place: str, marked: str | None, message: str, hint: str
) -> None:
    (problem,) = problems_of_text(text)
    assert problem.place == place
    assert marked is None or problem.marked == marked
    assert message in problem.message
    assert hint in problem.hint


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfname: x\nbase: {l2: 1}\n",
        b"name: x\r\nbase:\r\n  l2: 1\r\n",
        b"name: x\rbase:\r  l2: 1\r",
        b"name: x # \xe6\x89\x8b\nbase: {l2:\t1}",
        b"--- # a spec\nname: x\nbase: {l2: 1}\n...\n",
        b"%YAML 1.2\n---\nname: x\nbase: {l2: 1}\n",
        b'{"name": "x", "base": {"l2": 1}}',
    ],
)
def test_text_in_other_forms(load_text, content: bytes) -> None:
    experiment = load_text(content)
    assert experiment.name == "x"
    assert experiment.points[0].parameters.l2 == 1


def test_places_are_right_with_line_ends_of_windows(problems_of_text) -> None:
    (problem,) = problems_of_text(b"name: x\r\nbase:\r\n  l2: -1\r\n")
    assert (problem.place, problem.marked) == ("3:7", "-1")


def test_anchors_and_merge_keys_work(load_text) -> None:
    experiment = load_text(
        "name: x\n"
        "base: &plain {epochs: 5, l2: 1}\n"
        "grid: {learning_rate: &rates [1e-3, 1e-4]}\n"
        "cases:\n"
        "  - &one {label: one, keep_prob: 0.5}\n"
        "  - {<<: *one, label: two, l2: 2}\n"
        "  - {<<: [*one, *plain], label: three, epochs: 6}\n"
    )
    points = [
        (point.label, point.parameters.keep_prob, point.parameters.l2, point.parameters.epochs)
        for point in experiment.points[:3]
    ]
    assert points == [("one", 0.5, 1, 5), ("two", 0.5, 2, 5), ("three", 0.5, 1, 6)]


def test_a_problem_behind_an_alias_is_reported_at_its_anchor(problems_of_text) -> None:
    (problem,) = problems_of_text("name: x\nbase: {l2: &bad -1}\ncases: [{l2: *bad, label: a}]\n")
    assert (problem.place, problem.marked) == ("2:12", "&bad -1")


def bomb(levels: int) -> str:
    """A few hundred bytes that expand to 9 ** levels values."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    for level in range(1, levels):
        aliases = ", ".join([f"*a{level - 1}"] * 9)
        lines.append(f"a{level}: &a{level} [{aliases}]")
    return "\n".join(lines)


def merge_bomb(levels: int) -> str:
    lines = ["a0: &a0 {x: 1}"]
    for level in range(1, levels):
        aliases = ", ".join([f"*a{level - 1}"] * 9)
        lines.append(f"a{level}: &a{level} {{<<: [{aliases}]}}")
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (bomb(30), "a spec has at most 100,000 values"),
        (merge_bomb(30), "a spec has at most 100,000 values"),
        ("name: &a [*a]\n", "this anchor contains itself"),
        ("name: &a {<<: *a}\n", "this anchor contains itself"),
        ("name: " + "[" * 60 + "]" * 60, "values are nested more than 50 levels deep"),
        ("name: " + "[" * 900_000, "values are nested more than 50 levels deep"),
        ("name: " + "{a: [" * 30 + "]}" * 30, "values are nested more than 50 levels deep"),
        ("name: " + "[1, " * 300 + "]" * 300, "values are nested "),
        ("".join(" " * depth + "a:\n" for depth in range(300)), "values are nested "),
        ("".join(" " * depth + "a:\n" for depth in range(1300)), "values are nested "),
        ("- " * 2000 + "a", "values are nested "),
        ("x" * 1_000_001, "a spec has at most 1,000,000 bytes"),
    ],
    ids=lambda text: text[:30].replace("\n", " ").strip(),
)
def test_what_would_exhaust_the_machine_is_refused_quickly(
    message_of, text: str, message: str
) -> None:
    with cProfile.Profile() as profile:
        assert message in message_of(text)
    calls = sum(entry.callcount for entry in profile.getstats())
    assert calls < 5_000_000
