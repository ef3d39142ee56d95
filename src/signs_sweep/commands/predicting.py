"""Photos and trained models: what `predict` and `export` do."""

import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from signs_sweep.commands.models import Choice, Named, stored_models
from signs_sweep.data.novelty import NoveltyRule
from signs_sweep.errors import DataError, DataWarning, UsageError
from signs_sweep.importing.phases import OnProgress
from signs_sweep.importing.photos import Photo, decode_photos, find_photos
from signs_sweep.tracking import StoredModel

if TYPE_CHECKING:
    import pandas as pd

    from signs_sweep.trainer.inference import Classifier


@dataclass(frozen=True, eq=False)
class Prediction:
    """What models predict for a photo.

    Attributes:
        photo: the photo.
        classes: names of the classes.
        probabilities: mean over the models, float32 of (classes,); None if it is unreadable.
        agreeing: number of models that give it the class with the largest mean.
        is_unfamiliar: whether it is unlike the training data; None if that is not known.
    """

    photo: Photo
    classes: Sequence[str]
    probabilities: NDArray[np.float32] | None = None
    agreeing: int = 0
    is_unfamiliar: bool | None = None

    def without_image(self) -> "Prediction":
        """Return the same, without the pixels of the photo."""
        return replace(self, photo=replace(self.photo, image=None))

    @cached_property
    def ranked(self) -> list[tuple[str, float]]:
        """The classes with their probabilities, the most probable first."""
        assert self.probabilities is not None
        order = np.argsort(-self.probabilities, kind="stable")
        return [(self.classes[label], float(self.probabilities[label])) for label in order]


def predict_photos(
    named: Named,
    paths: Iterable[Path],
    tracking_uri: str | None,
    *,
    is_worker: bool = False,
    on_progress: OnProgress = lambda *_: None,
) -> Iterator[Prediction]:
    """Yield what the models of runs predict for photos, in order.

    TensorFlow is imported when the first photo was decoded.

    Args:
        named: the runs.
        paths: files, and folders of files.
        tracking_uri: the store.
        is_worker: whether this process has no other use for Keras.
        on_progress: called with the number of photos that are decoded.

    Raises:
        DataError: the memory does not suffice for a photo, or the temporary folder is full.
        UsageError: a run has no model, or its images cannot be made from photos.
        StoreError: the store cannot be read, or a model cannot be loaded.
    """
    with stored_models(named, tracking_uri) as models:
        first = models[0]
        if first.preparation.channels not in (1, 3):
            raise UsageError(
                f"{named.name} takes images with {first.preparation.channels} channels; photos "
                "become images with 1 or 3"
            )
        rule = _novelty(first)
        classifiers: list[Classifier] = []
        for photos in decode_photos(find_photos(paths), first.preparation, on_progress):
            images = [photo.image for photo in photos if photo.image is not None]
            if images and not classifiers:
                classifiers = [_load(model, is_worker=is_worker) for model in models]
            results = _predict(classifiers, np.stack(images), rule) if images else iter(())
            for photo in photos:
                known = () if photo.image is None else next(results)
                yield Prediction(photo, first.classes, *known)


def _predict(
    classifiers: "Sequence[Classifier]", images: NDArray[np.uint8], rule: NoveltyRule | None
) -> Iterator[tuple[Any, ...]]:
    """Yield the fields of each prediction."""
    of_each = np.stack([each.probabilities(images) for each in classifiers])
    means = of_each.mean(0, dtype=np.float64).astype(np.float32)
    agreeing = (of_each.argmax(2) == means.argmax(1)).sum(0).tolist()
    flags = [None] * len(images) if rule is None else rule.flags(images).tolist()
    return zip(means, agreeing, flags, strict=True)


def _load(model: StoredModel, *, is_worker: bool = False) -> "Classifier":
    from signs_sweep.trainer.inference import Classifier

    saved = f", which Keras {model.keras} saved" if model.keras else ""
    title = f"the model of the MLflow run {model.location}{saved}"
    return Classifier(model.file, title, is_worker=is_worker)


def _novelty(model: StoredModel) -> NoveltyRule | None:
    """Return the rule for unfamiliar images; None without, and after a warning if it is of no use.

    It is of no use if it is damaged, or if there were too few training images for a limit.
    """
    if model.novelty is None:
        problem = "an earlier version recorded the model, without a rule"
    else:
        try:
            rule = NoveltyRule.from_bytes(model.novelty)
            if np.isfinite(rule.limit):
                return rule
            problem = "there are too few training images for a rule"
        except DataError as error:
            problem = str(error)
    warnings.warn(f"no photo is marked as unfamiliar: {problem}", DataWarning, stacklevel=2)
    return None


def prediction_table(predictions: Iterable[Prediction], named: Named) -> "pd.DataFrame":
    """Return one row per photo; see `signs_sweep.predict` for the columns."""
    import pandas as pd

    is_ensemble = named.choice is Choice.ENSEMBLE
    rows: list[dict[str, Any]] = []
    classes: Sequence[str] = ()
    for each in predictions:
        classes = each.classes
        row: dict[str, Any] = {"photo": each.photo.name, "error": each.photo.reason}
        if each.probabilities is not None:
            (row["predicted_class"], row["probability"]), *_ = each.ranked
            row |= {"agreeing": each.agreeing, "is_unfamiliar": each.is_unfamiliar}
            row |= zip(map(_column, classes), each.probabilities.tolist(), strict=True)
        rows.append(row)
    columns = ["photo", "predicted_class", "probability", "is_unfamiliar"]
    columns += ["agreeing", "members"] if is_ensemble else []
    columns += ["error", *map(_column, classes)]
    table = pd.DataFrame(rows, columns=columns)
    types = {"is_unfamiliar": "boolean", **({"agreeing": "Int64"} if is_ensemble else {})}
    if is_ensemble:
        table["members"] = len(named.rows)
    return table.astype(types)


def _column(name: str) -> str:
    return f"p_{name}"


KERAS, ONNX = ".keras", ".onnx"


def export_model(named: Named, file: Path, tracking_uri: str | None) -> bytes:
    """Return the model of a run as the content of a file.

    Args:
        named: the run.
        file: its ending, `.keras` or `.onnx`, is the format.
        tracking_uri: the store.

    Raises:
        UsageError: the ending is a different one, a package for ONNX is missing or cannot convert
            the model, `named` is an ensemble, or the run has no model.
        StoreError: the store cannot be read, or the model cannot be loaded.
    """
    suffix = file.suffix.lower()
    if suffix not in (KERAS, ONNX):
        raise UsageError(f"cannot export to {file}: the name must end in {KERAS} or {ONNX}")
    if named.choice is Choice.ENSEMBLE:
        raise UsageError("an ensemble is several models: export them separately, by their ids")
    if suffix == ONNX and not (find_spec("tf2onnx") and find_spec("onnx")):
        raise UsageError("ONNX files need further packages: pip install 'signs-sweep[onnx]'")
    with stored_models(named, tracking_uri) as (model,):
        return model.file.read_bytes() if suffix == KERAS else _load(model).to_onnx()
