"""The shape of the code: who may import what. The picture is in docs/architecture.md."""

import ast
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

import signs_sweep

ROOT = Path(__file__).parents[1] / "src" / "signs_sweep"

LAYERS = (
    {"errors", "domain", "process"},
    {"statistics", "data", "spec", "figures"},
    {"planning", "importing"},
    {"protocols"},
    {"project"},
    {"executors", "tracking", "trainer", "searching.study"},
    {"sweep", "analysis"},
    {"reporting"},
    {"commands"},
    {"searching"},
    {"api"},
    {"cli"},
)
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
ADAPTERS = {"executors", "tracking", "trainer", "searching.study"}

# The only places that may use a heavy library, and always inside a function.
HEAVY = {
    "tensorflow": {"trainer"},
    "keras": {"trainer"},
    "mlflow": {"tracking"},
    "optuna": {"searching.study", "searching"},  # the latter for types alone
    "plotly": {"searching.study"},
    "sklearn": set(),  # by Optuna alone
    "matplotlib": {"figures"},
    "pandas": {"analysis", "cli", "commands", "searching", "api"},
    "scipy": {"statistics"},
    "h5py": {"data", "trainer"},
    "PIL": {"data", "figures", "importing"},
    "jinja2": {"reporting"},
    "sqlalchemy": {"project", "tracking"},
    "datasets": {"importing"},
    "pooch": {"importing"},
    "ray": {"executors"},
    "requests": {"importing", "tracking"},
}

MODULES = sorted(ROOT.rglob("*.py"))


def unit_of(parts: Sequence[str]) -> str:
    """Name of the unit of a module, given the parts of its name below signs_sweep."""
    nested = ".".join(parts[:2])
    return nested if nested in LEVEL else parts[0]


def unit(path: Path) -> str:
    """Name of the package or module below signs_sweep that a file belongs to."""
    return unit_of(path.relative_to(ROOT).with_suffix("").parts)


@cache
def imports(path: Path) -> list[tuple[str, bool]]:
    """Every module that a file imports, and whether that happens when the file is imported."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    later = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        or (isinstance(node, ast.If) and getattr(node.test, "id", None) == "TYPE_CHECKING")
        for inner in ast.walk(node)
    }
    found = []
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports are not used here"
            assert node.module is not None
            names = [node.module]
            if node.module == "signs_sweep":
                names += [f"signs_sweep.{alias.name}" for alias in node.names]
        found += [(name, id(node) not in later) for name in names]
    return found


def test_every_module_has_a_layer() -> None:
    units = {unit(path) for path in MODULES} - {"__init__", "__main__"}
    assert units == set(LEVEL)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_down(path: Path) -> None:
    own = unit(path)
    if own in {"__init__", "__main__"}:
        return
    for name, _ in imports(path):
        parts = name.split(".")
        if parts[0] != "signs_sweep" or len(parts) < 2:
            continue
        other = unit_of(parts[1:])
        if other == own:
            continue
        assert LEVEL[other] <= LEVEL[own], f"{own} imports {other} from a layer above"
        if own in ADAPTERS:
            assert other not in ADAPTERS, f"the adapter {own} imports the adapter {other}"
        if own in {"sweep", "analysis"}:
            assert other not in ADAPTERS, f"{own} knows an adapter: {other}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_heavy_libraries_are_imported_in_their_place_and_late(path: Path) -> None:
    for name, at_once in imports(path):
        allowed = HEAVY.get(name.split(".")[0])
        if allowed is not None:
            assert unit(path) in allowed, f"{name} has no business in {unit(path)}"
            assert not at_once, f"{name} is imported with the module"
        if name.startswith("signs_sweep.executors.cluster") and "cluster" not in path.parts:
            assert not at_once, "whoever does not use a cluster imports nothing of it"


def loaded_after(commands: Sequence[str], folder: Path) -> tuple[list[int], set[str]]:
    """Run commands in one process; return exit codes and the heavy libraries that are imported."""
    code = (
        "import sys\n"
        "from signs_sweep.cli import main\n"
        "codes = []\n"
        f"for command in {commands!r}:\n"
        "    sys.argv = ['signs-sweep', *command.split()]\n"
        "    try:\n        main()\n        codes.append(0)\n"
        "    except SystemExit as error:\n        codes.append(error.code or 0)\n"
        f"names = [name for name in {sorted(HEAVY)!r} if name in sys.modules]\n"
        "print(f'\\n{codes}', *names, sep=';')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True
    )
    codes, *names = done.stdout.splitlines()[-1].split(";")
    return ast.literal_eval(codes), set(names)


SPEC = "name: lazy\ndata: drawn\nbase: {epochs: 1}\ngrid: {l2: [0, 0.01]}\n"


def test_help_and_schema_and_an_error_in_a_spec_wait_for_no_library(tmp_path: Path) -> None:
    (tmp_path / "wrong.yaml").write_text("name: wrong\ngrid: {lamda: [1]}\n", encoding="utf-8")
    commands = ("--help", "run --help", "schema", "run wrong.yaml")
    assert loaded_after(commands, tmp_path) == ([0, 0, 0, 2], set())


def test_a_plan_without_a_store_imports_neither_tensorflow_nor_mlflow(tmp_path: Path) -> None:
    (tmp_path / "fine.yaml").write_text(SPEC, encoding="utf-8")
    codes, names = loaded_after(["plan fine.yaml"], tmp_path)
    assert codes == [0]
    assert names <= {"h5py", "PIL"}


def test_no_package_hides_a_public_function() -> None:
    """A package that is imported becomes an attribute of the root, in place of the function."""
    names = {path.stem for path in ROOT.iterdir()}
    assert not names & set(signs_sweep.__all__)


def test_the_root_holds_the_public_api_alone() -> None:
    files = {path.name for path in ROOT.iterdir() if path.is_file()}
    assert files == {"__init__.py", "__main__.py", "api.py", "errors.py", "py.typed"}
