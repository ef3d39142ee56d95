"""What the runs of a setting predict, all together: confusion, calibration, wrong pictures."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from signs_sweep.domain import METRICS, Predictions, Row
from signs_sweep.reporting.content import Predicted, SettingReport, WrongPicture
from signs_sweep.statistics.scores import ece, reliability

Recorded = Mapping[str, Mapping[str, Predictions]]
"""Predictions by location of a record and set."""

_MOST_WRONG = 12
_MOST_CLASSES = 3
"""Classes whose probabilities are shown beside a picture."""


def set_of(metric: str) -> str:
    """Return the images whose predictions are shown: those that the metric is measured on."""
    return "validation" if METRICS[metric].images == "validation" else "test"


def predicted(setting: SettingReport, recorded: Recorded, images: str) -> Predicted | None:
    """Return what the finished runs of a setting predict; None if that is not recorded.

    Args:
        setting: the setting.
        recorded: the predictions.
        images: `test` or `validation`.
    """
    parts = predictions_of(setting.replicates.rows, recorded, images)
    if not parts:
        return None
    labels = np.concatenate([part.labels for part in parts])
    probabilities = np.concatenate([part.probabilities for part in parts])
    classes = names_of(parts)
    many = len(classes)
    chosen = probabilities.argmax(axis=1)
    confusion = np.bincount(labels * many + chosen, minlength=many**2).reshape(many, many)
    return Predicted(
        setting=setting.name,
        colour=setting.colour,
        images=images,
        runs=len(parts),
        classes=classes,
        confusion=confusion,
        bins=reliability(labels, probabilities),
        calibration_error=ece(labels, probabilities),
    )


def predictions_of(rows: Sequence[Row], recorded: Recorded, images: str) -> list[Predictions]:
    """Return the predictions of the finished runs that have some for a set of images."""
    locations = [
        row.result.location
        for row in rows
        if row.result and row.result.state.is_finished and row.result.location
    ]
    known = [recorded.get(location, {}).get(images) for location in locations]
    parts = [each for each in known if each is not None and len(each.images)]
    # Runs on data with other classes are not of this setting.
    return [
        each for each in parts if each.probabilities.shape[1] == parts[0].probabilities.shape[1]
    ]


def names_of(parts: Sequence[Predictions]) -> tuple[str, ...]:
    """Return the names of the classes; their labels if the store does not have the names."""
    named = next((part.classes for part in parts if part.classes), ())
    return named or tuple(map(str, range(parts[0].probabilities.shape[1])))


def wrong_pictures(
    parts: Sequence[Predictions], pixels: NDArray[np.uint8] | None
) -> tuple[WrongPicture, ...]:
    """Return the images that runs classify wrongly with the highest mean probability.

    The probabilities of an image are averaged over the runs that were evaluated on it.

    Args:
        parts: the predictions of the runs.
        pixels: the images of the set, uint8 of shape (n, height, width, channels), or None.
    """
    if not parts:
        return ()
    positions, inverse = np.unique(
        np.concatenate([part.images for part in parts]), return_inverse=True
    )
    stacked = np.concatenate([part.probabilities for part in parts]).astype(np.float64)
    all_labels = np.concatenate([part.labels for part in parts])
    runs = np.bincount(inverse)
    sums = np.zeros((len(positions), stacked.shape[1]))
    np.add.at(sums, inverse, stacked)
    means = sums / runs[:, None]
    labels = np.zeros(len(positions), np.int64)
    labels[inverse] = all_labels
    wrong = np.bincount(inverse, weights=stacked.argmax(axis=1) != all_labels)
    guesses = means.argmax(axis=1)
    order = np.argsort(-means.max(axis=1), kind="stable")
    chosen = [row for row in order if guesses[row] != labels[row]][:_MOST_WRONG]
    names = names_of(parts)
    return tuple(
        WrongPicture(
            position=int(positions[row]),
            true=names[labels[row]],
            predicted=names[guesses[row]],
            probabilities=_largest(means[row], int(labels[row]), names),
            wrong=int(wrong[row]),
            runs=int(runs[row]),
            image=pixels[positions[row]]
            if pixels is not None and positions[row] < len(pixels)
            else None,
        )
        for row in chosen
    )


def _largest(
    values: NDArray[np.float64], true: int, names: Sequence[str]
) -> tuple[tuple[str, float], ...]:
    """Return the most probable classes and their probabilities, and the true class."""
    order = np.argsort(-values, kind="stable")
    shown = [*order[:_MOST_CLASSES]]
    if true not in shown:
        shown[-1:] = [true] if len(shown) >= _MOST_CLASSES else [*shown[-1:], true]
    return tuple((names[label], float(values[label])) for label in shown)
