"""The artifact with the predictions of a run: a compressed NumPy archive, the same bytes each time.

For each set (`validation`, `test`) it has the arrays `SET_images`, `SET_labels` and
`SET_probabilities`, which are described in `signs_sweep.domain.Predictions`. The names in `classes`
are those of both sets; archives of earlier versions do not have them.
"""

import io
import zipfile
from collections.abc import Mapping, Sequence

import numpy as np

from signs_sweep.domain import Predictions
from signs_sweep.errors import StoreError

PREDICTIONS = "predictions.npz"
"""Name of the artifact."""

_SETS = ("validation", "test")
_ARRAYS = ("images", "labels", "probabilities")
_CLASSES = "classes"


def predictions_file(predictions: Mapping[str, Predictions], classes: Sequence[str]) -> bytes:
    """Return the content of the artifact, given the predictions by set and the class names."""
    file = io.BytesIO()
    arrays = {
        f"{name}_{array}": getattr(of_set, array)
        for name, of_set in predictions.items()
        for array in _ARRAYS
    }
    arrays[_CLASSES] = np.array(classes, np.str_)
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def read_predictions(content: bytes, location: str) -> Mapping[str, Predictions]:
    """Return the predictions by set, given the content of the artifact of a record.

    Raises:
        StoreError: the artifact is damaged.
    """
    try:
        with np.load(io.BytesIO(content)) as arrays:
            classes = tuple(arrays[_CLASSES].tolist()) if _CLASSES in arrays else ()
            return {
                name: Predictions(
                    **{array: arrays[f"{name}_{array}"] for array in _ARRAYS}, classes=classes
                )
                for name in _SETS
                if f"{name}_{_ARRAYS[0]}" in arrays
            }
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise StoreError(
            f"the artifact {PREDICTIONS} of the MLflow run {location} is damaged ({error}). Delete "
            "that run in MLflow and train it again."
        ) from error
