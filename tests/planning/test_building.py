"""Finding the function that builds a model, without running it."""

import sys
from pathlib import Path

import pytest

from signs_sweep.data import write_dataset
from signs_sweep.domain import Built
from signs_sweep.errors import DataError, SpecError
from signs_sweep.planning.building import find_model
from signs_sweep.planning.preparation import prepare

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


async def later(input_shape, classes):
    pass


class Net:
    pass


def by_position(input_shape, classes, width, /):
    pass


import ast
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
    found = find_model("nets:small", ("filters",), folder)[0]
    assert (found.file, found.function) == (folder / "nets.py", "small")
    inner = find_model("package.nets:free", ("anything_goes",), folder)[0]
    assert inner.file == folder / "package" / "nets.py"
    assert inner.folder == folder


def test_the_fingerprint_is_that_of_the_content(folder: Path) -> None:
    before = find_model("nets:small", (), folder)[0]
    assert find_model("package.nets:small", (), folder)[0].fingerprint == before.fingerprint
    (folder / "nets.py").write_text(MODULE + "\n# changed\n", encoding="utf-8")
    assert find_model("nets:small", (), folder)[0].fingerprint != before.fingerprint
    with pytest.raises(DataError, match="has changed"):
        before.load()


@pytest.mark.parametrize(
    ("build", "words"),
    [
        ("mets:small", "there is no module 'mets': .*; did you mean 'nets'?"),
        ("nets.py:small", "there is no module 'nets.py': .*; did you mean 'nets'?"),
        ("package.mets:small", "there is no module 'package.mets'"),
        ("nets:smal", "did you mean 'small'"),
        ("nets:lonely", "input shape and the number of classes"),
        ("nets:later", "'later' in .*nets.py is an async function; define it without async"),
        ("nets:Net", "'Net' in .*nets.py is a class; name a function that returns a model"),
        ("nets:by_position", "takes width by position, .* move the '/' before them"),
        ("nets:ast", "nets.py imports 'ast' from elsewhere; name the module that defines it"),
    ],
)
def test_each_mistake_is_named(folder: Path, build: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        find_model(build, (), folder)


@pytest.mark.parametrize(
    ("imports", "origin"),
    [
        ("from nets import small\n", "nets:small"),
        ("from nets import free as small\n", "nets:free"),
        ("from nets import *\n", "nets:small"),
        ("from package.again import small\n", "package.nets:small"),
        ("def small(a, b): pass\nfrom nets import small\n", "nets:small"),
    ],
)
def test_of_an_imported_function_the_module_is_named_that_defines_it(
    folder: Path, imports: str, origin: str
) -> None:
    (folder / "package" / "again.py").write_text("from .nets import small\n", encoding="utf-8")
    (folder / "user.py").write_text(imports, encoding="utf-8")
    with pytest.raises(DataError, match=f'user.py imports .*; write "{origin}"$'):
        find_model("user:small", (), folder)
    find_model(origin, (), folder)


def test_functions_that_import_each_other_are_an_error(folder: Path) -> None:
    (folder / "one.py").write_text("from two import f\n", encoding="utf-8")
    (folder / "two.py").write_text("from one import f\n", encoding="utf-8")
    with pytest.raises(DataError, match="name the module that defines it"):
        find_model("one:f", (), folder)


def test_a_function_that_the_file_does_not_define_when_imported_is_an_error(folder: Path) -> None:
    text = 'if __name__ == "__main__":\n\n    def f(shape, classes):\n        pass\n'
    (folder / "script.py").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match="defines no 'f' when it is imported"):
        find_model("script:f", (), folder)[0].load()


DEFINITIONS = (
    "def f(shape, classes): pass",
    "def f(shape, classes, a): pass",
    "def f(shape, classes, a, b=1): pass",
    "def f(shape, classes=1, a=2): pass",
    "def f(shape, classes, /): pass",
    "def f(shape, classes, /, a, b=1): pass",
    "def f(shape, /, classes, a=1): pass",
    "def f(shape, /, classes, a=1, *, b): pass",
    "def f(shape, classes, a=1, /, b=2): pass",
    "def f(shape, classes, a=1, /, **more): pass",
    "def f(shape, classes, a, /): pass",
    "def f(shape, classes, *, a): pass",
    "def f(shape, classes, *, a=1, b): pass",
    "def f(shape, classes, **more): pass",
    "def f(shape, classes, /, **more): pass",
    "def f(shape, *others, a): pass",
    "def f(shape, *others, **more): pass",
    "def f(*others): pass",
    "def f(*others, a=1, **shape): pass",
    "def f(*, shape, classes): pass",
    "def f(shape): pass",
    "def f(): pass",
    "f = lambda shape, classes, a=1: None",
    "f: object = lambda shape, classes, *, b: None",
    "def f(shape, classes): pass\ndef f(shape, classes, a): pass",
    "f = None\nif True:\n    pass\ndef f(shape, classes, b=2): pass",
    "if True:\n    def f(shape, classes, a): pass",
    "try:\n    import nothing_of_this_name\nexcept ImportError:\n    def f(shape, classes): pass",
)
ARGUMENTS = ((), ("a",), ("b",), ("a", "b"), ("shape",), ("classes",), ("shape", "a"), ("c",))


@pytest.mark.parametrize("definition", DEFINITIONS)
def test_what_is_accepted_can_be_called_and_what_is_not_cannot(
    folder: Path, definition: str
) -> None:
    (folder / "one.py").write_text(definition, encoding="utf-8")
    scope: dict = {}
    exec(definition, scope)
    for names in ARGUMENTS:
        try:
            wrong = find_model("one:f", names, folder)[1]
        except DataError as error:
            wrong = error
        try:
            scope["f"]((64, 64, 3), 6, **dict.fromkeys(names))
        except TypeError:
            assert wrong, names
        else:
            assert not wrong, names


@pytest.mark.parametrize(
    "definition",
    [
        "def wrapped(f): return f\n@wrapped\ndef f(): pass",
        "def g(shape, classes): pass\nf = g",
        "if True:\n    def f(shape): pass\nelse:\n    def f(shape, classes): pass",
    ],
)
def test_what_only_a_call_can_show_is_left_to_the_call(folder: Path, definition: str) -> None:
    (folder / "one.py").write_text(definition, encoding="utf-8")
    assert find_model("one:f", ("a",), folder)[1] == {}


def test_a_file_that_is_not_python_is_an_error(folder: Path) -> None:
    (folder / "bad.py").write_text("def (:\n", encoding="utf-8")
    with pytest.raises(DataError, match="cannot be read"):
        find_model("bad:f", (), folder)


def test_a_function_is_run_with_its_own_imports(folder: Path) -> None:
    (folder / "helper_of_mine.py").write_text("SIZE = 7\n", encoding="utf-8")
    text = "from helper_of_mine import SIZE\n\n\ndef build(shape, classes):\n    return SIZE\n"
    (folder / "uses.py").write_text(text, encoding="utf-8")
    assert find_model("uses:build", (), folder)[0].load()(None, None) == 7


def test_models_of_two_folders_do_not_see_each_others_modules(tmp_path: Path) -> None:
    found = {}
    for name in "ab":
        (tmp_path / name / "kit").mkdir(parents=True)
        (tmp_path / name / "kit" / "sizes.py").write_text(f"NAME = '{name}'\n", encoding="utf-8")
        text = f"# {name}\nfrom kit.sizes import NAME\n\n\ndef top(*_):\n    return NAME\n\n\n"
        text += "def late(*_):\n    from kit import sizes\n\n    return sizes\n"
        (tmp_path / name / "net.py").write_text(text, encoding="utf-8")
        found[name] = [
            find_model(f"net:{each}", (), tmp_path / name)[0] for each in ("top", "late")
        ]
    loaded = {name: [source.load() for source in sources] for name, sources in found.items()}
    modules = []
    for name in "abab":
        found[name][0].prepare_imports()
        top, late = loaded[name]
        assert top() == late().NAME == name
        modules.append(late())
    assert modules[:2] == modules[2:], "a module is imported once"
    assert [each for each in sys.path if str(tmp_path) in each] == [str(tmp_path / "b")]


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
        (
            'model: {build: "nets:small", filter: 3, x: 1}\n',
            (
                r"(?s)a\.yaml:2:30: .*'small' has no argument 'filter'\n.*    \^{6} did you mean "
                r"'filters'\? Arguments: filters\n.*a\.yaml:2:41: .* no argument 'x'"
            ),
        ),
        (
            'model: {build: "nets:needy", classes: 3}\n',
            (
                r"(?s)a\.yaml:2:9: the function 'needy' also needs width\n.* as in width: "
                r"\.\.\.\n.*a\.yaml:2:30: classes is the number of classes, which .*\^ remove it"
            ),
        ),
        ("model: {build: nets}\n", r"a\.yaml:2:16: build is the text 'nets'"),
        ('model: {build: "nets:free", x: {a: 1}}\n', r"a\.yaml:2:32: x is a mapping"),
        ('model: {build: "nets:free", x: null}\n', r"a\.yaml:2:29: x has no value"),
        ("model: {hiden: [3]}\n", r"a\.yaml:2:9: unknown key 'hiden'"),
        (
            'model: {build: "nets:small"}\ngrid: {keep_prob: [1, 0.8]}\n',
            r"a\.yaml:3:23: keep_prob is 0\.8, not supported by a model that a function builds",
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
