"""Functions of the user's that build models: found without being run.

A spec says `model: {build: "package.module:function"}`. Its file is looked for beside the spec
first, then among what Python can import. It is read, not imported: importing it would import
TensorFlow, which a plan and an error must not wait for. Only a worker runs it.
"""

import ast
import sys
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
            DataError: the file is not what it was when the sweep was planned.
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
        return getattr(sys.modules[name], self.function)


def find_model(build: str, arguments: tuple[str, ...], spec_folder: Path) -> ModelSource:
    """Find the function that a spec names, and check that it takes the arguments.

    Args:
        build: `package.module:function`.
        arguments: names of what the spec gives it beside the input shape and the classes.
        spec_folder: folder of the spec.

    Raises:
        DataError: there is no such file or function, or it takes no such argument.
    """
    module, _, function = build.partition(":")
    file, folder = _file_of(module, spec_folder)
    try:
        content = file.read_bytes()
        tree = ast.parse(content, filename=str(file))
    except (OSError, SyntaxError, ValueError) as error:
        raise DataError(f"{file} cannot be read: {error}") from error
    definitions = {one.name: one for one in tree.body if isinstance(one, ast.FunctionDef)}
    if function not in definitions:
        raise DataError(
            f"{file} defines no function '{function}'" + _choices(function, definitions)
        )
    _check_arguments(definitions[function], arguments)
    return ModelSource(function, file, folder, _fingerprint(content, function))


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
    raise DataError(
        f"there is no module '{module}': neither {spec_folder / Path(*parts)}.py nor one that is "
        "installed"
    )


def _check_arguments(definition: ast.FunctionDef, arguments: tuple[str, ...]) -> None:
    """Raise DataError unless the function can be called with a shape, a count, and these names."""
    taken = definition.args
    positional = [one.arg for one in (*taken.posonlyargs, *taken.args)]
    if len(positional) < 2 and taken.vararg is None:
        raise DataError(
            f"the function '{definition.name}' takes {len(positional)} positional arguments; it is "
            "called with the input shape and the number of classes"
        )
    names = [one.arg for one in (*taken.args[2:], *taken.kwonlyargs)]
    if taken.kwarg is None:
        for name in arguments:
            if name not in names:
                raise DataError(
                    f"the function '{definition.name}' has no argument '{name}'"
                    + _choices(name, names)
                )
    defaults = positional[len(positional) - len(taken.defaults) :] if taken.defaults else []
    optional = set(defaults) | {
        one.arg
        for one, default in zip(taken.kwonlyargs, taken.kw_defaults, strict=True)
        if default is not None
    }
    missing = [name for name in names if name not in optional and name not in arguments]
    if missing:
        raise DataError(
            f"the function '{definition.name}' needs {', '.join(missing)} as well; give it beside "
            "build"
        )


def _choices(name: str, known: Any) -> str:
    listed = [one for one in known if not one.startswith("_")]
    near = get_close_matches(name, listed, n=1)
    question = f"; did you mean '{near[0]}'?" if near else "."
    return question + (f" There are: {', '.join(listed)}" if listed else " There are none.")


def _fingerprint(content: bytes, function: str) -> str:
    return sha256(function.encode() + b"\0" + content).hexdigest()[:16]
