"""Keras's optimizers on the variables of a network."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from signs_sweep.trainer.network import Network, squares
from signs_sweep.trainer.recipe import Recipe, Strengths


class Optimizer:
    """An optimizer of Keras whose rate, options and limits are inputs of the program.

    Gradients are clipped here: Keras would clip the tiles of a kernel separately.

    Attributes:
        variables: its Keras variables, which decide the next steps.
    """

    def __init__(self, recipe: Recipe, network: Network) -> None:
        """Create its variables; `reset` sets them to the values before the first step."""
        import keras

        kind = type(keras.optimizers.get(recipe.optimizer))
        structure: dict[str, Any] = {"nesterov": True} if recipe.nesterov else {}
        if "momentum" in recipe.tuned:  # Any value but 0 creates its variables.
            structure["momentum"] = 0.5
        self._keras = kind(**structure)
        self._keras.build(network.variables)
        self._network = network
        self._recipe = recipe
        # Nadam's product of momenta starts at 1, and is not in its list of variables.
        product = getattr(self._keras, "_u_product", None)
        self._products = [] if product is None else [product]
        self.variables: Sequence[Any] = [*self._keras.variables, *self._products]

    def reset(self, learning_rate: float) -> None:
        """Set the variables to their values before the first step."""
        for variable in self.variables:
            variable.assign(np.zeros(variable.shape, variable.dtype))
        for product in self._products:
            product.assign(1.0)
        self._keras.learning_rate.assign(learning_rate)

    def apply(self, gradients: Sequence[Any], rate: Any, strengths: Strengths) -> None:
        """Update the variables of the network; traced.

        Args:
            gradients: for each of the network's variables.
            rate: the learning rate of the step.
            strengths: the inputs of the program.
        """
        self._keras.learning_rate.assign(rate)
        for name, value in zip(self._recipe.tuned, strengths.tuned, strict=True):
            setattr(self._keras, name, _Momentum(value) if name == "momentum" else value)
        self._keras.weight_decay = strengths.weight_decay if self._recipe.decays else None
        self._keras.apply(self._clipped(gradients, strengths.limit), self._network.variables)

    def _clipped(self, gradients: Sequence[Any], limit: Any) -> Sequence[Any]:
        """Return gradients whose norms are at most `limit`, with the formulas of Keras."""
        import tensorflow as tf

        if not (self._recipe.clips or self._recipe.clips_together):
            return gradients
        if self._recipe.clips:
            clipped: list[Any] = []
            for count in self._network.parts:
                parts = gradients[len(clipped) : len(clipped) + count]
                factor = limit / tf.maximum(_norm(parts), limit)
                clipped += [part * factor for part in parts]
            return clipped
        norm = _norm(gradients)
        # The last term is NaN if the norm is infinite, so that the run diverges.
        factor = limit * tf.minimum(1 / norm, 1 / limit) + (norm - norm)
        return [gradient * factor for gradient in gradients]


class _Momentum:
    """A momentum that is a tensor: Keras asks whether it is 0, which only a number answers."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def __ne__(self, other: object) -> bool:
        return True

    def __gt__(self, other: float) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]

    def __tf_tensor__(self, dtype: Any = None, name: str | None = None) -> Any:
        """Return the value, for TensorFlow."""
        import tensorflow as tf

        return tf.convert_to_tensor(self._value, dtype, name=name)


def _norm(tensors: Sequence[Any]) -> Any:
    """Return the Euclidean norm of all elements of tensors."""
    import tensorflow as tf

    return tf.sqrt(tf.add_n([tf.reduce_sum(part) for part in squares(tensors)]))
