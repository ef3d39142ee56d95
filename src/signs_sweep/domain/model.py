"""The network that a run trains, as far as it decides the result."""

from dataclasses import dataclass

Argument = bool | int | float | str | tuple["Argument", ...]
"""A value that a spec passes to a function that builds a model."""


@dataclass(frozen=True, slots=True)
class Dense:
    """The built-in network: `image -> hidden[0] relu -> ... -> classes softmax`.

    Attributes:
        hidden: units of each hidden layer, input side first.
    """

    hidden: tuple[int, ...]

    @property
    def identity(self) -> object:
        """What decides the result, as part of the run_id."""
        return tuple(map(int, self.hidden))

    @property
    def values(self) -> dict[str, str]:
        """Its attributes by name, as text for a record."""
        return {"hidden": str(list(self.hidden))}

    def __str__(self) -> str:
        return " > ".join(map(str, self.hidden))


@dataclass(frozen=True, slots=True)
class Built:
    """A Keras model that a user's function returns.

    Attributes:
        function: its name, as in `package.module:function`.
        arguments: passed by name, in addition to input shape and number of classes.
        source: fingerprint of the file that defines it.
    """

    function: str
    arguments: tuple[tuple[str, Argument], ...]
    source: str

    @property
    def identity(self) -> object:
        """What decides the result, as part of the run_id."""
        return (self.function, tuple(sorted(self.arguments)), self.source)

    @property
    def values(self) -> dict[str, str]:
        """Its attributes by name, as text for a record."""
        named = {f"model.{name}": str(value) for name, value in self.arguments}
        return {"build": self.function, "model.source": self.source} | named

    def __str__(self) -> str:
        arguments = ", ".join(f"{name}={value}" for name, value in self.arguments)
        return f"{self.function}({arguments})"


Model = Dense | Built
