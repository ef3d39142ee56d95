"""What a run trains: the network, as far as it decides the result."""

from dataclasses import dataclass

Argument = bool | int | float | str | tuple["Argument", ...]
"""A value that a spec gives to a function that builds a model."""


@dataclass(frozen=True, slots=True)
class Dense:
    """The built-in network: `image -> hidden[0] relu -> ... -> classes softmax`.

    Attributes:
        hidden: units of each hidden layer, input side first.
    """

    hidden: tuple[int, ...]

    @property
    def identity(self) -> object:
        """What decides the result, for the id of a run."""
        return tuple(map(int, self.hidden))

    @property
    def values(self) -> dict[str, str]:
        """What it is, by name, as text for a record."""
        return {"hidden": str(list(self.hidden))}

    def __str__(self) -> str:
        return " > ".join(map(str, self.hidden))


@dataclass(frozen=True, slots=True)
class Built:
    """A Keras model that a function of the user's returns.

    Attributes:
        function: its name, as in `package.module:function`.
        arguments: what it gets beside the input shape and the number of classes, by name.
        source: fingerprint of the file that has it.
    """

    function: str
    arguments: tuple[tuple[str, Argument], ...]
    source: str

    @property
    def identity(self) -> object:
        """What decides the result, for the id of a run."""
        return (self.function, tuple(sorted(self.arguments)), self.source)

    @property
    def values(self) -> dict[str, str]:
        """What it is, by name, as text for a record."""
        named = {f"model.{name}": str(value) for name, value in self.arguments}
        return {"build": self.function, "model.source": self.source} | named

    def __str__(self) -> str:
        given = ", ".join(f"{name}={value}" for name, value in self.arguments)
        return f"{self.function}({given})"


Model = Dense | Built
