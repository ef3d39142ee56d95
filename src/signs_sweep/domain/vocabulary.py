"""The words with options that a spec may choose, with the names and defaults of Keras.

Each table has, by word, its options. A default never changes, because the identity of a run leaves
out what is at its default.
"""

from typing import Any

from signs_sweep.domain.hyperparameter import Hyperparameter

_LARGEST = 1e38
"""A limit that fits into a float32."""


def _number(name: str, default: float | None, meaning: str, **entry: Any) -> Hyperparameter:
    kind = entry.pop("kind", float)
    return Hyperparameter(name=name, kind=kind, default=default, meaning=meaning, **entry)


def _share(name: str, default: float, meaning: str, **entry: Any) -> Hyperparameter:
    return _number(name, default, meaning, least=0, below=1, **entry)


def _strength(name: str, meaning: str, counterpart: str) -> Hyperparameter:
    return _number(name, 0.0, meaning, counterpart=counterpart, least=0, most=1, example="0.1")


def _of_all(decay: float = 0.0) -> tuple[Hyperparameter, ...]:
    """Return the options of every optimizer; AdamW has its own default weight decay."""
    return (
        _number(
            *("weight_decay", decay, "Share of each weight, times the rate, removed in a step"),
            least=0,
            most=_LARGEST,
        ),
        _number(
            *("clipnorm", 0.0, "Largest norm of the gradient of a variable; 0 for no limit"),
            least=0,
            most=_LARGEST,
        ),
        _number(
            *("global_clipnorm", 0.0, "Largest norm of all gradients together; 0 for no limit"),
            least=0,
            most=_LARGEST,
        ),
    )


_EPSILON = _number(
    "epsilon", 1e-7, "Constant that keeps divisions stable", above=0, most=_LARGEST, example="1e-7"
)
_BETAS = (
    _share("beta_1", 0.9, "Decay rate of the mean of gradients"),
    _share("beta_2", 0.999, "Decay rate of the mean of squared gradients"),
    _EPSILON,
)
_MOMENTUM = _share("momentum", 0.0, "Share of the previous update in the next")

OPTIMIZERS = {
    "adam": (*_BETAS, *_of_all()),
    "adamw": (*_BETAS, *_of_all(0.004)),
    "sgd": (
        _MOMENTUM,
        Hyperparameter(
            name="nesterov",
            kind=bool,
            default=False,
            meaning="Whether to look ahead along the momentum",
        ),
        *_of_all(),
    ),
    "rmsprop": (
        _share("rho", 0.9, "Decay rate of the mean of squared gradients"),
        _MOMENTUM,
        _EPSILON,
        *_of_all(),
    ),
    "nadam": (*_BETAS, *_of_all()),
    "lion": (
        _number("beta_1", 0.9, "Share of the momentum in an update", above=0, below=1),
        _share("beta_2", 0.99, "Decay rate of the momentum"),
        *_of_all(),
    ),
}

_MOST_EPOCHS = 10_000_000
_WARMUP = _number(
    *("warmup", 0, "Epochs in which the rate rises linearly from 0"),
    counterpart="warmup_steps",
    kind=int,
    least=0,
    most=_MOST_EPOCHS,
)
_END = _number(
    *("end", 0.0, "Rate after the last epoch, as a share of learning_rate"),
    counterpart="alpha, end_learning_rate",
    least=0,
    most=1,
)
_DECAY = (
    _number(
        *("decay_epochs", None, "Epochs in which the rate falls by decay_rate"),
        counterpart="decay_steps",
        kind=int,
        least=1,
        most=_MOST_EPOCHS,
        example="100",
    ),
    _number("decay_rate", 0.5, "Factor by which the rate falls", above=0, most=1),
)

SCHEDULES = {
    "constant": (_WARMUP,),
    "cosine": (_WARMUP, _END),
    "linear": (_WARMUP, _END),
    "step": (*_DECAY, _WARMUP),
    "exponential": (*_DECAY, _WARMUP),
}

SCHEDULES_TO_AN_END = ("cosine", "linear")
"""The schedules that depend on the number of epochs, which is then part of the trajectory."""

_NOT = "none"

CLASS_WEIGHTS: dict[str, tuple[Hyperparameter, ...]] = {_NOT: (), "balanced": (), "": ()}
CLASS_WEIGHT = _number("class", 1.0, "Weight of the class", above=0, most=_LARGEST, example="2")

AUGMENTATIONS = {
    _NOT: (),
    "": (
        Hyperparameter(
            name="flip",
            kind=str,
            default=_NOT,
            meaning="How each image is mirrored with probability 1/2",
            counterpart="RandomFlip",
            words=(_NOT, "horizontal", "vertical", "horizontal_and_vertical"),
        ),
        _strength("shift", "Largest shift, as a share of height and of width", "RandomTranslation"),
        _strength("rotate", "Largest rotation, as a share of a full turn", "RandomRotation"),
        _number(
            *("zoom", 0.0, "Largest change of the scale; 0.2 gives 0.8 to 1.2"),
            counterpart="RandomZoom",
            least=0,
            below=1,
            example="0.1",
        ),
        _strength("brightness", "Largest value added to all pixels", "RandomBrightness"),
        _strength(
            "contrast", "Largest change of the contrast; 0.2 gives 0.8 to 1.2", "RandomContrast"
        ),
        _strength("noise", "Standard deviation of the noise of each pixel", "GaussianNoise"),
    ),
}

EARLY_STOPPING = {
    _NOT: (),
    "": (
        Hyperparameter(
            name="metric",
            kind=str,
            default="val_loss",
            meaning="Metric of an epoch that has to improve",
            counterpart="monitor",
            words=("val_loss", "val_accuracy", "loss", "accuracy"),
        ),
        _number(
            *("patience", None, "Epochs without improvement after which training stops"),
            kind=int,
            least=1,
            most=_MOST_EPOCHS,
            example="50",
        ),
        _number(
            *("min_delta", 0.0, "Smallest change that counts as an improvement"),
            least=0,
            most=_LARGEST,
        ),
        Hyperparameter(
            name="restore",
            kind=str,
            default="best",
            meaning="The epoch whose weights are kept",
            counterpart="restore_best_weights",
            words=("best", "last"),
        ),
    ),
}
