"""The user's functions that build models: found without running them.

A spec has `model: {build: "package.module:function"}`. The file of the module is searched in the
folder of the spec, then on Python's import path. It is read, not imported: importing it would
import TensorFlow, for which a plan or an error must not wait. Only workers run it.
"""

import ast
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from hashlib import sha256
from importlib.machinery import PathFinder
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Any

from signs_sweep.errors import DataError

if TYPE_CHECKING:
    from types import ModuleType


@dataclass(frozen=True)
class ModelSource:
    """Location of a function that builds models. Small and picklable, so that a worker can load it.

    Attributes:
        function: name of the function in the file.
        file: the Python file.
        folder: the folder that its imports are searched in first.
        fingerprint: 16 hex digits that identify the function and the content of its file.
    """

    function: str
    file: Path
    folder: Path
    fingerprint: str

    def load(self) -> Any:
        """Import the file and return the function.

        Raises:
            DataError: the file has changed since the sweep was planned, or does not define the
                function when it is imported.
        """
        content = self.file.read_bytes()
        if _fingerprint(content, self.function) != self.fingerprint:
            raise DataError(
                f"{self.file} has changed since the sweep began. "
                "Run the command again to train the new model."
            )
        self.prepare_imports()
        # A unique name: two folders may have modules of the same name.
        name = f"_signs_sweep_{self.fingerprint}_{self.file.stem}"
        if name not in sys.modules:
            spec = spec_from_file_location(name, self.file)
            assert spec is not None
            assert spec.loader is not None
            module = sys.modules[name] = module_from_spec(spec)
            try:
                spec.loader.exec_module(module)
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

    def prepare_imports(self) -> None:
        """Make `import` find the modules of its folder; those of equal names elsewhere are hidden.

        Without this, the model would depend on the models that this process has built before.
        """
        _imports.use(str(self.folder.absolute()))


class _Imports:
    """The folder that imports are searched in first, and the modules of earlier folders.

    A folder that is on the import path anyway, as that of installed packages, is left there.
    """

    def __init__(self) -> None:
        self._folder: str | None = None
        self._kept: dict[str, dict[str, ModuleType]] = {}

    def use(self, folder: str) -> None:
        """Replace the folder and its modules by another folder and those of its modules."""
        if folder == self._folder:
            return
        if self._folder is not None:
            own = _modules_below(self._folder)
            self._kept[self._folder] = {name: sys.modules.pop(name) for name in own}
            with suppress(ValueError):  # Other code may have removed it.
                sys.path.remove(self._folder)
        self._folder = None if folder in sys.path else folder
        if self._folder is not None:
            sys.path.insert(0, folder)
            sys.modules.update(self._kept.get(folder, {}))


_imports = _Imports()


def _modules_below(folder: str) -> list[str]:
    """Return the names of the modules that were found in a folder itself, and of their parts.

    Those of an environment of Python below the folder are not among them.
    """
    found = []
    for name, module in sys.modules.items():
        base = f"{folder}/{name.partition('.')[0]}"
        own = getattr(module, "__dict__", {})
        places = [own.get("__file__"), *(own.get("__path__") or ())]
        if any(place == f"{base}.py" or f"{place}/".startswith(f"{base}/") for place in places):
            found.append(name)
    return found


def find_model(
    build: str, arguments: Sequence[str], spec_folder: Path, partial: Collection[str] = ()
) -> tuple[ModelSource, dict[str, tuple[str, str]]]:
    """Find the function that a spec names, and compare its signature with the arguments.

    Args:
        build: `package.module:function`.
        arguments: names of the arguments in the spec, besides the input shape and the classes.
        spec_folder: folder of the spec.
        partial: those of the arguments that some points do not set.

    Returns:
        The location of the function; and what is wrong with an argument and what to do, by key of
        `model`. Errors that reading cannot find, such as those of a function with a decorator,
        occur in the call.

    Raises:
        DataError: the file or function does not exist, or the function cannot be called by a spec.
    """
    module, _, function = build.partition(":")
    file, folder = _file_of(module, spec_folder)
    content, tree = _read(file)
    bindings = list(_bindings(tree))
    definitions = [(node, is_nested) for name, node, is_nested in bindings if name == function]
    if not definitions:
        if origin := _origin(module, function, spec_folder):
            raise _is_imported(function, file, origin)
        defined = [name for name, node, _ in bindings if isinstance(node, ast.FunctionDef)]
        raise DataError(
            f"{file} defines no function '{function}'; {_choices(function, defined, 'Functions')}"
        )
    node, is_nested = definitions[-1]
    source = ModelSource(function, file, folder, _fingerprint(content, function))
    if is_nested and len(definitions) > 1:  # Which definition is used is known at run time only.
        return source, {}
    if isinstance(node, ast.Import | ast.ImportFrom):
        raise _is_imported(function, file, _origin(module, function, spec_folder))
    signature = _signature(node, function, file)
    wrong = _wrong_arguments(function, signature, arguments, partial) if signature else {}
    return source, wrong


def _read(file: Path) -> tuple[bytes, ast.Module]:
    try:
        content = file.read_bytes()
        return content, ast.parse(content, filename=str(file))
    except (OSError, SyntaxError, ValueError, RecursionError) as error:
        raise DataError(f"{file} cannot be read: {error}") from error


def _bindings(parent: ast.AST, *, is_nested: bool = False) -> Iterator[tuple[str, ast.AST, bool]]:
    """Yield each name that a module binds, in order, with its node and whether that is nested."""
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
        bindings = list(_bindings(_read(file)[1]))
    except DataError:
        return None
    nodes = [node for name, node, _ in bindings if name == function]
    if nodes and not isinstance(nodes[-1], ast.ImportFrom):
        return None if isinstance(nodes[-1], ast.Import) else f"{module}:{function}"
    origin = None
    for node in nodes[-1:] or [node for name, node, _ in bindings if name == "*"]:
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
    """Return the file of a module and the folder that its name is relative to."""
    parts = module.split(".")
    for base, place in _places_of(parts, spec_folder):
        for file in (base.with_suffix(".py"), base / "__init__.py"):
            if file.is_file():
                return file.absolute(), place.absolute()
    beside = sorted(file.stem for file in spec_folder.glob("*.py"))
    near = get_close_matches(module.removesuffix(".py"), beside, n=1)
    raise DataError(
        f"there is no module '{module}': {spec_folder / Path(*parts)}.py does not exist, and no "
        "such module is installed" + (f"; did you mean '{near[0]}'?" if near else "")
    )


def _places_of(parts: Sequence[str], spec_folder: Path) -> Iterator[tuple[Path, Path]]:
    """Yield the paths where a module may be, without suffix, each with the folder it is in."""
    for place in (spec_folder, *map(Path, sys.path)):
        yield place.joinpath(*parts), place
    spec = PathFinder.find_spec(parts[0])  # As in an editable installation.
    for root in (spec.submodule_search_locations or []) if spec else []:
        yield Path(root).joinpath(*parts[1:]), Path(root).parent


def _signature(node: ast.AST, function: str, file: Path) -> ast.arguments | None:
    """Return the signature of a function, or None if only a call can show it.

    Raises:
        DataError: the node cannot build a model, or cannot be called by a spec.
    """
    if isinstance(node, ast.ClassDef):
        raise DataError(f"'{function}' in {file} is a class; name a function that returns a model")
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.decorator_list:
        return None
    if isinstance(node, ast.AsyncFunctionDef):
        raise DataError(f"'{function}' in {file} is an async function; define it without async")
    if not isinstance(node, ast.FunctionDef | ast.Lambda):
        return None
    signature = node.args
    positional = [each.arg for each in (*signature.posonlyargs, *signature.args)]
    if len(positional) < 2 and signature.vararg is None:
        raise DataError(
            f"the function '{function}' is called with the input shape and the number of classes; "
            "give it a parameter for each"
        )
    required = _required(signature)
    unnamed = [each.arg for each in signature.posonlyargs[2:] if each.arg in required]
    if unnamed:
        raise DataError(
            f"the function '{function}' takes {', '.join(unnamed)} by position, but a spec passes "
            "arguments by name; move the '/' before them"
        )
    return signature


def _required(signature: ast.arguments) -> list[str]:
    """Return the names of the arguments that have no default."""
    positional = [*signature.posonlyargs, *signature.args]
    by_name = zip(signature.kwonlyargs, signature.kw_defaults, strict=True)
    return [
        *(each.arg for each in positional[: len(positional) - len(signature.defaults)]),
        *(each.arg for each, default in by_name if default is None),
    ]


def _wrong_arguments(
    function: str, signature: ast.arguments, arguments: Sequence[str], partial: Collection[str]
) -> dict[str, tuple[str, str]]:
    """Return what is wrong with the arguments of a spec, and what to do, by key of `model`."""
    unnamed = [each.arg for each in signature.posonlyargs]
    names = unnamed + [each.arg for each in signature.args]
    by_position = [name for name in names[:2] if name not in unnamed]
    named = (*signature.args, *signature.kwonlyargs)
    by_name = [each.arg for each in named if each.arg not in by_position]
    wrong = {}
    for name in arguments:
        if name in by_position:
            meaning = ("the input shape", "the number of classes")[names.index(name)]
            wrong[name] = (f"{name} is {meaning}, which is passed to '{function}'", "remove it")
        elif name not in by_name and signature.kwarg is None:
            free = [argument for argument in by_name if argument not in arguments]
            wrong[name] = (
                f"the function '{function}' has no argument '{name}'",
                _choices(name, free, "Arguments"),
            )
    given = {*arguments} - {*partial}
    missing = [name for name in _required(signature) if name in by_name and name not in given]
    if missing:
        wrong["build"] = (
            f"the function '{function}' also needs {', '.join(missing)}",
            f"write it under model, as in {missing[0]}: ...",
        )
    return wrong


def _choices(name: str, names: Sequence[str], title: str) -> str:
    listed = [valid for valid in names if not valid.startswith("_")]
    near = get_close_matches(name, listed, n=1)
    question = f"did you mean '{near[0]}'? " if near else ""
    return f"{question}{title}: {', '.join(listed) or 'none'}"


def _fingerprint(content: bytes, function: str) -> str:
    return sha256(function.encode() + b"\0" + content).hexdigest()[:16]
