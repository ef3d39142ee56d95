"""Networks that only guess, recognised by their curves."""

import math

import numpy as np
import pytest

from signs_sweep.statistics.guessing import guessing_since

LABELS = np.arange(60) % 6
EQUAL = np.ones(6)
ONE_CLASS = np.zeros(60, dtype=np.int64)
GUESS = math.log(6)


def curve(*parts: tuple[float, int]) -> dict[str, np.ndarray]:
    """Return a history whose loss has some values, each for a number of epochs."""
    return {"loss": np.concatenate([np.full(count, value) for value, count in parts])}


def test_a_network_that_has_always_guessed_has_done_so_since_the_first_epoch() -> None:
    assert guessing_since(curve((GUESS, 20)), LABELS, ONE_CLASS, GUESS, EQUAL) == 1


def test_it_guesses_since_the_epoch_after_the_last_one_in_which_it_had_learned() -> None:
    history = curve((2.0, 3), (1.7, 4), (GUESS, 30))
    assert guessing_since(history, LABELS, ONE_CLASS, GUESS, EQUAL) == 8


def test_a_penalty_on_top_of_the_loss_of_guessing_changes_nothing() -> None:
    assert guessing_since(curve((GUESS + 0.5, 20)), LABELS, ONE_CLASS, GUESS, EQUAL) == 1


@pytest.mark.parametrize(
    ("history", "predicted", "loss"),
    [
        (curve((GUESS, 14)), ONE_CLASS, GUESS),
        (curve((1.7, 50), (GUESS, 14)), ONE_CLASS, GUESS),
        (curve((GUESS, 30)), LABELS, GUESS),
        (curve((GUESS, 30)), ONE_CLASS, 1.7),
    ],
    ids=["too short", "too short at the end", "tells classes apart", "a loss below guessing"],
)
def test_a_network_that_may_be_learning_does_not_count(history, predicted, loss) -> None:
    assert guessing_since(history, LABELS, predicted, loss, EQUAL) is None


def test_the_loss_of_guessing_follows_the_shares_of_the_classes() -> None:
    labels = np.repeat([0, 1], [90, 10])
    entropy = -0.9 * math.log(0.9) - 0.1 * math.log(0.1)
    predicted, equal, less = np.zeros(100, dtype=np.int64), EQUAL[:2], entropy - 0.05
    assert guessing_since(curve((entropy, 20)), labels, predicted, entropy, equal) == 1
    assert guessing_since(curve((less, 20)), labels, predicted, less, equal) is None


def test_held_out_samples_are_looked_at_too() -> None:
    history = curve((GUESS, 40)) | {"val_loss": np.r_[np.full(10, 1.7), np.full(30, GUESS)]}
    assert guessing_since(history, LABELS, ONE_CLASS, GUESS, EQUAL) == 11


def test_weights_of_the_classes_change_the_training_loss_of_guessing() -> None:
    """A network that guesses gives each class the probability that minimises the weighted loss."""
    weights = np.array([0.5, 1, 1, 1, 1, 3])
    probabilities = weights / weights.sum()
    guess, held_out = -np.mean(weights * np.log(probabilities)), -np.mean(np.log(probabilities))
    for halved in (weights, weights / 2):
        factor = halved[1]
        history = curve((factor * (guess - 0.1), 5), (factor * guess, 20))
        history["val_loss"] = np.full(25, held_out)
        assert guessing_since(history, LABELS, ONE_CLASS, held_out, halved) == 6
        assert guessing_since(history, LABELS, ONE_CLASS, held_out, halved * 1.02) is None


def test_a_run_that_was_stopped_early_cannot_learn_later() -> None:
    few = curve((GUESS, 3))
    assert guessing_since(few, LABELS, ONE_CLASS, GUESS, EQUAL) is None
    assert guessing_since(few, LABELS, ONE_CLASS, GUESS, EQUAL, is_stopped=True) == 1
    better = curve((GUESS, 3), (1.0, 2))
    assert guessing_since(better, LABELS, ONE_CLASS, GUESS, EQUAL, is_stopped=True) == 5
