"""Metrics of predicted probabilities.

All take the true class of each image, int64 of shape (n,) with n > 0, and the probabilities of each
class, float32 of shape (n, classes). They are computed with NumPy and agree with scikit-learn where
it has them: importing that takes 1.5 s and 95 MiB, in every worker.
"""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from signs_sweep.domain import Predictions

Labels = NDArray[np.int64]
Probabilities = NDArray[np.float32]

_BINS = 15


def macro_f1(labels: Labels, probabilities: Probabilities) -> float:
    """Return the mean over the classes of F1, the harmonic mean of precision and recall.

    A class that is predicted but does not occur has 0; one that neither occurs nor is predicted is
    left out.
    """
    correct, occurring, predicted = _counts(labels, probabilities)
    total = occurring + predicted
    is_used = total > 0
    return float(np.mean(2 * correct[is_used] / total[is_used]))


def balanced_accuracy(labels: Labels, probabilities: Probabilities) -> float:
    """Return the mean recall of the classes that occur."""
    correct, occurring, _ = _counts(labels, probabilities)
    is_used = occurring > 0
    return float(np.mean(correct[is_used] / occurring[is_used]))


def nll(labels: Labels, probabilities: Probabilities) -> float:
    """Return the mean negative log-likelihood of the true classes, in nats.

    Probabilities below the resolution of float32, 1.2e-7, count as that, so that it is at most 16.
    """
    likelihoods = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return float(-np.log(np.clip(likelihoods, np.finfo(np.float32).eps, 1)).mean())


def brier(labels: Labels, probabilities: Probabilities) -> float:
    """Return the Brier score, from 0 to 2.

    It is the mean over images of the sum over classes of the squared difference between the
    probability and 1 for the true class, 0 for the others (Brier, *Verification of forecasts
    expressed in terms of probability*, 1950), not halved for two classes.
    """
    truth = np.eye(probabilities.shape[1])[labels]
    return float(((probabilities - truth) ** 2).sum(axis=1).mean())


def ece(labels: Labels, probabilities: Probabilities) -> float:
    """Return the expected calibration error, from 0 to 1.

    It is the mean over images of the difference between confidence and accuracy in the image's bin;
    the confidence is the probability of the predicted class, in 15 bins of equal width, open on the
    left (Guo et al., *On calibration of modern neural networks*, 2017).
    """
    confidence, is_correct, bins = _binned(labels, probabilities)
    gaps = np.bincount(bins, weights=is_correct - confidence, minlength=_BINS)
    return float(np.abs(gaps).sum() / len(labels))


def reliability(labels: Labels, probabilities: Probabilities) -> NDArray[np.float64]:
    """Return mean confidence, accuracy and number of images of each bin of `ece` with images.

    float64 of shape (bins, 3), in ascending order of confidence.
    """
    confidence, is_correct, bins = _binned(labels, probabilities)
    counts = np.bincount(bins, minlength=_BINS)
    sums = [np.bincount(bins, weights=each, minlength=_BINS) for each in (confidence, is_correct)]
    table = np.stack([*(each / np.maximum(counts, 1) for each in sums), counts], axis=1)
    return table[counts > 0]


def _binned(
    labels: Labels, probabilities: Probabilities
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.int64]]:
    """Return of each image the confidence, whether it is classified correctly, and its bin."""
    confidence = probabilities.max(axis=1).astype(np.float64)
    is_correct = probabilities.argmax(axis=1) == labels
    bins = np.clip(np.ceil(confidence * _BINS) - 1, 0, _BINS - 1).astype(np.int64)
    return confidence, is_correct, bins


def top2_accuracy(labels: Labels, probabilities: Probabilities) -> float:
    """Return the share of images whose true class is among the two most probable ones.

    Of equally probable classes the first counts, as in `Predictions.predicted`.
    """
    first_two = np.argsort(-probabilities, axis=1, kind="stable")[:, :2]
    return float((first_two == labels[:, None]).any(axis=1).mean())


def _counts(
    labels: Labels, probabilities: Probabilities
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return for each class how many images are correct, are of it, and are predicted as it."""
    predicted, classes = probabilities.argmax(axis=1), probabilities.shape[1]
    correct, occurring, guesses = (
        np.bincount(each, minlength=classes)
        for each in (labels[predicted == labels], labels, predicted)
    )
    return correct, occurring, guesses


_SCORES: Mapping[str, Callable[[Labels, Probabilities], float]] = {
    "macro_f1": macro_f1,
    "balanced_accuracy": balanced_accuracy,
    "nll": nll,
    "brier": brier,
    "ece": ece,
    "top2_accuracy": top2_accuracy,
}

_PREFIXES = {"validation": "val_", "test": "test_"}


def scores(predictions: Mapping[str, Predictions]) -> dict[str, float]:
    """Return the metrics of the predictions for each set, by names such as `val_macro_f1`."""
    return {
        f"{_PREFIXES[name]}{score}": function(of_set.labels, of_set.probabilities)
        for name, of_set in predictions.items()
        for score, function in _SCORES.items()
    }
