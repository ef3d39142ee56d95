"""Functions of the user's that build models: found without being run.

A spec says `model: {build: "package.module:function"}`. Its file is looked for beside the spec
first, then among what Python can import. It is read, not imported: importing it would import
TensorFlow, which a plan and an error must not wait for. Only a worker runs it.
"""

import ast
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from hashlib import sha256
from importlib.machinery import PathFinder
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from signs_sweep.errors import DataError


@dataclass(frozen=True)
class ModelSource:
    """Where a function that builds models is. Small and picklable, so that a worker can load it.

    Attributes:
        function: name of the function in the file.
        file: the Python file.
        folder: where its own imports are looked for first.
        fingerprint: 16 hex digits that name the function and the content of its file.
    """

    function: str
    file: Path
    folder: Path
    fingerprint: str

    def load(self) -> Any:
        """Import the file and return the function.

        Raises:
            DataError: the file is not what it was when the sweep was planned, or does not define
                the function after all.
        """
        content = self.file.read_bytes()
        if _fingerprint(content, self.function) != self.fingerprint:
            raise DataError(
                f"{self.file} has changed since the sweep began. "
                "Run the command again to train the new model."
            )
        if str(self.folder) not in sys.path:
            sys.path.insert(0, str(self.folder))
        # A name of its own: two folders may have modules of one name.
        name = f"_signs_sweep_{self.fingerprint}_{self.file.stem}"
        if name not in sys.modules:
            found = spec_from_file_location(name, self.file)
            assert found is not None
            assert found.loader is not None
            module = sys.modules[name] = module_from_spec(found)
            try:
                found.loader.exec_module(module)
            except BaseException:
                del sys.modules[name]
                raise
        function = getattr(sys.modules[name], self.function, None)
        if function is None:
            raise DataError(
                f"{self.file} defines no '{self.function}' when it is imported. "
                "Move the definition out of any if, try or with."
            )
        return function


@dataclass(frozen=True)
class FoundModel:
    """A function that builds models, compared with what a spec gives it.

    Attributes:
        source: where it is.
        wrong: by key of `model`, what is wrong with that argument, and what to do about it. What
            reading cannot show, as of a function with a decorator, is left to the call.
    """

    source: ModelSource
    wrong: Mapping[str, tuple[str, str]]


def find_model(build: str, arguments: Sequence[str], spec_folder: Path) -> FoundModel:
    """Find the function that a spec names, and compare its signature with the arguments.

    Args:
        build: `package.module:function`.
        arguments: names of what the spec gives it beside the input shape and the classes.
        spec_folder: folder of the spec.

    Raises:
        DataError: there is no such file or function, or no spec could call it.
    """
    module, _, function = build.partition(":")
    file, folder = _file_of(module, spec_folder)
    content, tree = _read(file)
    found = list(_bindings(tree))
    definitions = [(node, is_nested) for name, node, is_nested in found if name == function]
    if not definitions:
        if origin := _origin(module, function, spec_folder):
            raise _is_imported(function, file, origin)
        known = [name for name, node, _ in found if isinstance(node, ast.FunctionDef)]
        raise DataError(
            f"{file} defines no function '{function}'; {_choices(function, known, 'Functions')}"
        )
    node, is_nested = definitions[-1]
    source = ModelSource(function, file, folder, _fingerprint(content, function))
    if is_nested and len(definitions) > 1:  # Which of them it is depends on what the file does.
        return FoundModel(source, {})
    if isinstance(node, ast.Import | ast.ImportFrom):
        raise _is_imported(function, file, _origin(module, function, spec_folder))
    signature = _signature(node, function, file)
    return FoundModel(source, _wrong_arguments(function, signature, arguments) if signature else {})


def _read(file: Path) -> tuple[bytes, ast.Module]:
    try:
        content = file.read_bytes()
        return content, ast.parse(content, filename=str(file))
    except (OSError, SyntaxError, ValueError, RecursionError) as error:
        raise DataError(f"{file} cannot be read: {error}") from error


def _bindings(parent: ast.AST, *, is_nested: bool = False) -> Iterator[tuple[str, ast.AST, bool]]:
    """Yield the names that a module binds, in order: what to, and whether in an `if` or such."""
    for node in ast.iter_child_nodes(parent):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name, node, is_nested
        elif isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                yield (alias.asname or alias.name).split(".")[0], node, is_nested
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                if isinstance(target, ast.Name) and node.value is not None:
                    yield target.id, node.value, is_nested
        elif isinstance(node, ast.stmt | ast.excepthandler | ast.match_case):
            yield from _bindings(node, is_nested=True)


def _origin(module: str, function: str, spec_folder: Path, most: int = 10) -> str | None:
    """Return the `module:function` that a module imports a function from, if it can be found."""
    try:
        file, _ = _file_of(module, spec_folder)
        found = list(_bindings(_read(file)[1]))
    except DataError:
        return None
    nodes = [node for name, node, _ in found if name == function]
    if nodes and not isinstance(nodes[-1], ast.ImportFrom):
        return None if isinstance(nodes[-1], ast.Import) else f"{module}:{function}"
    origin = None
    for node in nodes[-1:] or [node for name, node, _ in found if name == "*"]:
        assert isinstance(node, ast.ImportFrom)
        package = module.split(".") if file.name == "__init__.py" else module.split(".")[:-1]
        above = package[: len(package) - node.level + 1] if node.level else []
        source = ".".join([*above, *filter(None, [node.module])])
        names = {alias.asname or alias.name: alias.name for alias in node.names}
        if most:
            name = names.get(function, function)
            origin = _origin(source, name, spec_folder, most - 1) or origin
    return origin


def _is_imported(function: str, file: Path, origin: str | None) -> DataError:
    advice = f'write "{origin}"' if origin else "name the module that defines it"
    return DataError(f"{file} imports '{function}' from elsewhere; {advice}")


def _file_of(module: str, spec_folder: Path) -> tuple[Path, Path]:
    """Return the file of a module and the folder that its name counts from."""
    parts = module.split(".")
    for place in (spec_folder, *map(Path, sys.path)):
        base = place.joinpath(*parts)
        for file in (base.with_suffix(".py"), base / "__init__.py"):
            if file.is_file():
                return file.absolute(), place.absolute()
    found = PathFinder.find_spec(parts[0])  # As an editable installation has it.
    for root in (found.submodule_search_locations or []) if found else []:
        base = Path(root).joinpath(*parts[1:])
        for file in (base.with_suffix(".py"), base / "__init__.py"):
            if file.is_file():
                return file.absolute(), Path(root).parent.absolute()
    beside = sorted(file.stem for file in spec_folder.glob("*.py"))
    near = get_close_matches(module.removesuffix(".py"), beside, n=1)
    raise DataError(
        f"there is no module '{module}': neither {spec_folder / Path(*parts)}.py nor one that is "
        "installed" + (f"; did you mean '{near[0]}'?" if near else "")
    )


def _signature(node: ast.AST, function: str, file: Path) -> ast.arguments | None:
    """Return the signature of what a name is bound to, or None where only a call can show it.

    Raises:
        DataError: it cannot build a model for a spec.
    """
    if isinstance(node, ast.ClassDef):
        raise DataError(f"'{function}' in {file} is a class; name a function that returns a model")
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.decorator_list:
        return None
    if isinstance(node, ast.AsyncFunctionDef):
        raise DataError(f"'{function}' in {file} is an async function; define it without async")
    if not isinstance(node, ast.FunctionDef | ast.Lambda):
        return None
    taken = node.args
    positional = [one.arg for one in (*taken.posonlyargs, *taken.args)]
    if len(positional) < 2 and taken.vararg is None:
        raise DataError(
            f"the function '{function}' is called with the input shape and the number of classes; "
            "give it a parameter for each"
        )
    unnamed = [one.arg for one in taken.posonlyargs[2:] if one.arg in _required(taken)]
    if unnamed:
        raise DataError(
            f"the function '{function}' takes {', '.join(unnamed)} by position, and a spec gives "
            "arguments by name; move the '/' before them"
        )
    return taken


def _required(taken: ast.arguments) -> list[str]:
    """Return the names of the arguments that have no default."""
    positional = [*taken.posonlyargs, *taken.args]
    by_name = zip(taken.kwonlyargs, taken.kw_defaults, strict=True)
    return [
        *(one.arg for one in positional[: len(positional) - len(taken.defaults)]),
        *(one.arg for one, default in by_name if default is None),
    ]


def _wrong_arguments(
    function: str, taken: ast.arguments, arguments: Sequence[str]
) -> dict[str, tuple[str, str]]:
    """Return what is wrong with the arguments of a spec, and what to do, by key of `model`."""
    names = [one.arg for one in (*taken.posonlyargs, *taken.args)]
    by_position = [name for name in names[:2] if name not in [one.arg for one in taken.posonlyargs]]
    by_name = [one.arg for one in (*taken.args, *taken.kwonlyargs) if one.arg not in by_position]
    wrong = {}
    for name in arguments:
        if name in by_position:
            meaning = ("the input shape", "the number of classes")[names.index(name)]
            wrong[name] = (f"{name} is {meaning}, which '{function}' is given anyway", "remove it")
        elif name not in by_name and taken.kwarg is None:
            free = [other for other in by_name if other not in arguments]
            wrong[name] = (
                f"the function '{function}' has no argument '{name}'",
                _choices(name, free, "Arguments"),
            )
    missing = [name for name in _required(taken) if name in by_name and name not in arguments]
    if missing:
        wrong["build"] = (
            f"the function '{function}' needs {', '.join(missing)} as well",
            f"give it beside build, as in {missing[0]}: ...",
        )
    return wrong


def _choices(name: str, known: Sequence[str], title: str) -> str:
    listed = [one for one in known if not one.startswith("_")]
    near = get_close_matches(name, listed, n=1)
    question = f"did you mean '{near[0]}'? " if near else ""
    return f"{question}{title}: {', '.join(listed) or 'none'}"


def _fingerprint(content: bytes, function: str) -> str:
    return sha256(function.encode() + b"\0" + content).hexdigest()[:16]
