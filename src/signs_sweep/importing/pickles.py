"""Reading pickles that were not written by this program: plain values and arrays of uint8 only.

A pickle is a program, and `pickle.load` runs what it finds. Here only instructions that build plain
values are accepted, and the three functions that a NumPy array calls are replaced by descriptions
of the array, so that no function that a pickle names is ever called.
"""

import io
import pickle
from math import prod
from pickletools import genops
from typing import Any

import numpy as np
from numpy.typing import NDArray

_ALLOWED = {
    *("PROTO", "FRAME", "STOP", "MARK", "NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1"),
    *("BININT2", "SHORT_BINSTRING", "BINSTRING", "SHORT_BINBYTES", "BINBYTES", "BINUNICODE"),
    *("SHORT_BINUNICODE", "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "EMPTY_LIST"),
    *("APPEND", "APPENDS", "EMPTY_DICT", "SETITEM", "SETITEMS", "BINPUT", "LONG_BINPUT", "BINGET"),
    *("LONG_BINGET", "MEMOIZE", "GLOBAL", "STACK_GLOBAL", "REDUCE", "BUILD"),
}
"""Instructions that build plain values, or call what `find_class` returned."""


def load_plain(content: bytes) -> dict[Any, Any]:
    """Return the dict in a pickle: of lists, integers, texts, bytes and arrays of uint8.

    Texts of Python 2 become bytes.

    Raises:
        Exception: it is damaged or holds anything else.
    """
    for code, argument, _ in genops(content):
        place = argument if code.name == "LONG_BINPUT" and argument is not None else 0
        if code.name not in _ALLOWED or place > len(content):  # A far place takes memory.
            raise pickle.UnpicklingError(f"it holds {code.name}, which is not read")
    loaded = _Plain(io.BytesIO(content), encoding="bytes").load()
    return {
        key: value.array() if isinstance(value, _Array) else value for key, value in loaded.items()
    }


class _Plain(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """Return the replacement of what NumPy's arrays call."""
        replacements = {
            ("numpy", "ndarray"): None,
            ("numpy", "dtype"): _Type,
            ("numpy.core.multiarray", "_reconstruct"): _Array,
            ("numpy._core.multiarray", "_reconstruct"): _Array,
        }
        if (module, name) not in replacements:
            raise pickle.UnpicklingError(f"it calls {module}.{name}, which is not read")
        return replacements[module, name]


class _Type:
    """What a pickle states about the type of an array."""

    def __init__(self, name: object, *_: object) -> None:
        self.is_uint8 = name in ("u1", b"u1")

    def __setstate__(self, state: object) -> None:
        """Byte order and alignment, which a byte does not have."""


class _Array:
    """What a pickle states about an array."""

    def __init__(self, *_: object) -> None:
        self.state: Any = None

    def __setstate__(self, state: object) -> None:
        self.state = state

    def array(self) -> NDArray[np.uint8]:
        """Return the array itself."""
        _, shape, kind, is_fortran, values = self.state
        if not kind.is_uint8 or len(values) != prod(shape):
            raise pickle.UnpicklingError("it holds an array that is not uint8, or not all of it")
        return np.frombuffer(values, np.uint8).reshape(shape, order="F" if is_fortran else "C")
