"""The network that a run trains, as far as it decides the result."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from signs_sweep.domain.hyperparameter import Hyperparameter, as_text, hyperparameter, table_of

Argument = bool | int | float | str | tuple["Argument", ...]
"""A value that a spec passes to a function that builds a model."""

HIDDEN = "hidden"
"""The name of the layers of the built-in network."""
DEFAULT_HIDDEN = (25, 12)
"""The layers of the built-in network if a spec does not set them."""
OF_ARGUMENTS = "model."
"""What the name of an argument of a function begins with, as in `model.filters`."""


def is_argument(name: str) -> bool:
    """Whether a name is that of an argument of a function, as in `model.filters`."""
    return name.startswith(OF_ARGUMENTS)


def frozen(value: Any) -> Any:
    """Return a value of a spec with tuples for lists."""
    return tuple(map(frozen, value)) if isinstance(value, list) else value


_INSTEAD = "the arguments of the function go under model"

_SIMILAR = "of keras.layers.Dense"


@dataclass(frozen=True, slots=True)
class Dense:
    """The built-in network: `image -> hidden layers -> classes softmax`.

    A hidden layer is a dense layer, a normalisation, an activation and dropout. Its fields are
    entries of the table of hyperparameters, as those of `Parameters`.
    """

    hidden: tuple[int, ...] = hyperparameter(
        DEFAULT_HIDDEN,
        meaning="Units of each hidden layer, input side first",
        counterpart="units of keras.layers.Dense",
        example="[25, 12]",
        example_list="[[25, 12], [50, 25]]",
        synonyms=("layers", "units", "neurons", "hidden_layers", "hidden_units"),
        instead=_INSTEAD,
    )
    activation: str = hyperparameter(
        "relu",
        meaning="Activation of the hidden layers",
        counterpart=f"activation {_SIMILAR}",
        words=("relu", "tanh", "sigmoid", "gelu", "elu", "leaky_relu", "selu"),
        example="tanh",
        example_list="[relu, tanh]",
        synonyms=("activations", "nonlinearity", "act"),
        instead=_INSTEAD,
    )
    norm: str = hyperparameter(
        "none",
        meaning="Normalisation between each hidden layer and its activation",
        counterpart="BatchNormalization, LayerNormalization",
        words=("none", "batch", "layer"),
        example="batch",
        example_list="[none, batch]",
        synonyms=("normalization", "normalisation", "batch_norm", "batchnorm", "layer_norm"),
        instead=_INSTEAD,
    )
    init: str = hyperparameter(
        "glorot_uniform",
        meaning="Distribution of the initial kernels of all layers",
        counterpart=f"kernel_initializer {_SIMILAR}",
        words=("glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "lecun_normal"),
        example="he_normal",
        example_list="[glorot_uniform, he_normal]",
        synonyms=("initializer", "kernel_initializer", "initialization", "weight_init"),
        instead=_INSTEAD,
    )

    @property
    def identity(self) -> object:
        """What decides the result, as part of the run_id.

        As in `Parameters.significant`, what was added later is left out at its default.
        """
        hidden = tuple(map(int, self.hidden))
        later = tuple(
            (name, getattr(self, name))
            for name in sorted(NETWORK.keys() - {HIDDEN})
            if getattr(self, name) != NETWORK[name].default
        )
        return (hidden, *later) if later else hidden

    @property
    def values(self) -> dict[str, str]:
        """Its attributes by name, as text for a record."""
        return {name: as_text(value) for name, value in self.varied.items()}

    @property
    def varied(self) -> dict[str, Argument]:
        """What a spec may vary, by name."""
        return {name: getattr(self, name) for name in NETWORK}

    def with_values(self, values: Mapping[str, Any]) -> "Dense":
        """Return the network with other values, by name as in `varied`."""
        return replace(self, **values)

    def without(self, names: Collection[str]) -> "Dense | None":
        """Return what remains of the network without the values of some names."""
        rest = replace(self, **{n: NETWORK[n].default for n in names if n in NETWORK})
        return None if HIDDEN in names and rest == Dense() else rest

    def __str__(self) -> str:
        others = [
            f"{name}={getattr(self, name)}"
            for name in NETWORK
            if name != HIDDEN and getattr(self, name) != NETWORK[name].default
        ]
        return " ".join([" > ".join(map(str, self.hidden)), *others])


NETWORK: Mapping[str, Hyperparameter] = table_of(fields(Dense))
"""The part of the table of hyperparameters that is about the built-in network, by name."""


@dataclass(frozen=True, slots=True, eq=False)
class Built:
    """A Keras model that a user's function returns.

    Models with the same identity are equal: 1, 1.0 and True are different arguments.

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
        named = {name: str(value) for name, value in self.varied.items()}
        return {"build": self.function, "model.source": self.source} | named

    @property
    def varied(self) -> dict[str, Argument]:
        """What a spec may vary, by name: its arguments, as in `model.filters`."""
        return {OF_ARGUMENTS + name: value for name, value in self.arguments}

    def with_values(self, values: Mapping[str, Argument]) -> "Built":
        """Return the model with other or further arguments, by name as in `varied`."""
        given = {name.removeprefix(OF_ARGUMENTS): values[name] for name in sorted(values)}
        return replace(self, arguments=tuple((dict(self.arguments) | given).items()))

    def without(self, names: Collection[str]) -> "Built":
        """Return what remains of the model without the values of some names."""
        kept = (item for item in self.arguments if OF_ARGUMENTS + item[0] not in names)
        return replace(self, arguments=tuple(kept))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Built) and repr(self.identity) == repr(other.identity)

    def __hash__(self) -> int:
        return hash(repr(self.identity))

    def __str__(self) -> str:
        arguments = ", ".join(f"{name}={value}" for name, value in self.arguments)
        return f"{self.function}({arguments})"


Model = Dense | Built
