"""Trained models from their files: predictions, and export to ONNX."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signs_sweep.errors import StoreError, UsageError
from signs_sweep.trainer import runtime


class Classifier:
    """A trained model that takes uint8 images."""

    def __init__(self, file: Path, title: str, *, is_worker: bool = False) -> None:
        """Load a model.

        Args:
            file: a `.keras` file.
            title: what messages call the model.
            is_worker: whether this process has no other use for Keras; see `runtime.prepare`.

        Raises:
            StoreError: this version of Keras cannot load the file.
        """
        with _quiet():
            runtime.prepare(is_worker=is_worker)
            import keras

        try:
            self._model: Any = keras.models.load_model(file, compile=False)
        except Exception as error:
            # Keras raises many types for files that are damaged or of other versions.
            raise StoreError(
                f"Keras {keras.__version__} cannot load {title}: {_first_line(error)}"
            ) from error

    def probabilities(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the probabilities of the classes, (n, classes), for (n, height, width, channels).

        All images are in memory at the same time, as are the outputs of the layers for them.
        """
        taken: NDArray[Any] = images
        if self._model.inputs[0].dtype != "uint8":  # A model of an earlier version.
            taken = images.astype(np.float32) * np.float32(1 / 255)
        return np.asarray(self._model(taken, training=False), np.float32)

    def to_onnx(self) -> bytes:
        """Return the model as the content of an ONNX file, with the same inputs and outputs.

        It needs the packages tf2onnx and onnx.

        Raises:
            UsageError: they cannot convert it.
        """
        import warnings

        height, width, channels = self._model.inputs[0].shape[1:]
        self.probabilities(np.zeros((1, height, width, channels), np.uint8))  # Keras asks for it.
        with TemporaryDirectory() as folder, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Keras supports older versions of NumPy.
            file = Path(folder, "model.onnx")
            try:
                self._model.export(file, format="onnx", verbose=False)
                return file.read_bytes()
            except Exception as error:  # Of any type, for layers that they do not know.
                raise UsageError(
                    f"tf2onnx cannot convert the model: {_first_line(error)}"
                ) from error


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:300] or type(error).__name__


@contextmanager
def _quiet() -> Iterator[None]:
    """Discard what is written to descriptor 2: as it is imported, TensorFlow ignores its level."""
    own, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    try:
        yield
    finally:
        os.dup2(own, 2)
        os.close(own)
        os.close(nothing)
