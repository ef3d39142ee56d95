"""Finding the function that builds a model, without running it."""

from pathlib import Path

import pytest

from signs_sweep.building import find_model
from signs_sweep.data import write_dataset
from signs_sweep.errors import DataError, SpecError
from signs_sweep.preparation import prepare
from signs_sweep.records import Built

MODULE = """\
raise RuntimeError("a plan must not run this")


def small(input_shape, classes, *, filters=8):
    pass


def needy(input_shape, classes, *, width):
    pass


def free(*anything, **more):
    pass


def lonely(input_shape):
    pass
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dataset) -> Path:
    (tmp_path / "nets.py").write_text(MODULE, encoding="utf-8")
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").touch()
    (tmp_path / "package" / "nets.py").write_text(MODULE, encoding="utf-8")
    write_dataset(dataset, tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SIGNS_DATA", raising=False)
    return tmp_path


def test_a_function_is_found_beside_the_spec_and_in_packages(folder: Path) -> None:
    found = find_model("nets:small", ("filters",), folder)
    assert (found.file, found.function) == (folder / "nets.py", "small")
    inner = find_model("package.nets:free", ("anything_goes",), folder)
    assert inner.file == folder / "package" / "nets.py"
    assert inner.folder == folder


def test_the_fingerprint_is_that_of_the_content(folder: Path) -> None:
    before = find_model("nets:small", (), folder)
    assert find_model("package.nets:small", (), folder).fingerprint == before.fingerprint
    (folder / "nets.py").write_text(MODULE + "\n# changed\n", encoding="utf-8")
    assert find_model("nets:small", (), folder).fingerprint != before.fingerprint
    with pytest.raises(DataError, match="has changed"):
        before.load()


@pytest.mark.parametrize(
    ("build", "arguments", "words"),
    [
        ("mets:small", (), "there is no module 'mets'"),
        ("package.mets:small", (), "there is no module 'package.mets'"),
        ("nets:smal", (), "did you mean 'small'"),
        ("nets:small", ("filter",), "did you mean 'filters'"),
        ("nets:needy", (), "needs width as well"),
        ("nets:lonely", (), "input shape and the number of classes"),
    ],
)
def test_each_mistake_is_named(folder: Path, build: str, arguments: tuple, words: str) -> None:
    with pytest.raises(DataError, match=words):
        find_model(build, arguments, folder)


def test_a_file_that_is_no_python_is_an_error(folder: Path) -> None:
    (folder / "bad.py").write_text("def (:\n", encoding="utf-8")
    with pytest.raises(DataError, match="cannot be read"):
        find_model("bad:f", (), folder)


def test_a_function_is_run_with_its_own_imports(folder: Path) -> None:
    (folder / "helper_of_mine.py").write_text("SIZE = 7\n", encoding="utf-8")
    text = "from helper_of_mine import SIZE\n\n\ndef build(shape, classes):\n    return SIZE\n"
    (folder / "uses.py").write_text(text, encoding="utf-8")
    assert find_model("uses:build", (), folder).load()(None, None) == 7


def spec(folder: Path, text: str) -> Path:
    path = folder / "a.yaml"
    path.write_text(f"name: a\n{text}base: {{batch_size: 4}}\n", encoding="utf-8")
    return path


def test_a_model_is_part_of_what_a_run_is(folder: Path) -> None:
    text = 'model: {build: "nets:small", filters: 4}\n'
    prepared = prepare([spec(folder, text)])
    (run,) = prepared.plan.runs.values()
    assert isinstance(run.model, Built)
    assert run.model.arguments == (("filters", 4),)
    assert prepared.models[run.model.source].file == folder / "nets.py"
    other = prepare([spec(folder, text.replace("4", "5"))]).plan.runs
    assert run.run_id not in other
    (folder / "nets.py").write_text(MODULE + "\n", encoding="utf-8")
    assert run.run_id not in prepare([spec(folder, text)]).plan.runs


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('model: {build: "nets:smal"}\n', r"a\.yaml:2:16: .*did you mean 'small'"),
        ('model: {build: "nets:small", filter: 3}\n', r"a\.yaml:2:16: .*did you mean 'filters'"),
        ("model: {build: nets}\n", r"a\.yaml:2:16: build is the text 'nets'"),
        ('model: {build: "nets:free", x: {a: 1}}\n', r"a\.yaml:2:32: x is a mapping"),
        ('model: {build: "nets:free", x: null}\n', r"a\.yaml:2:29: x has no value"),
        ("model: {hiden: [3]}\n", r"a\.yaml:2:9: unknown key 'hiden'"),
        (
            'model: {build: "nets:small"}\ngrid: {keep_prob: [1, 0.8]}\n',
            r"a\.yaml:3:23: keep_prob is 0\.8, but this model has its own",
        ),
    ],
)
def test_an_error_points_at_the_line_of_the_spec(folder: Path, text: str, words: str) -> None:
    with pytest.raises(SpecError, match=words):
        prepare([spec(folder, text)])


def test_keep_prob_cannot_be_set_for_a_model_with_its_own_dropout(folder: Path) -> None:
    path = spec(folder, 'model: {build: "nets:small"}\n')
    with pytest.raises(SpecError, match=r"--set keep_prob=0\.8"):
        prepare([path], overrides=["keep_prob=0.8"])
