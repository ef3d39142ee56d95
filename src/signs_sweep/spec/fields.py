"""Single values of a spec: what each may be, for the checks and for the JSON schema."""

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from signs_sweep.data import KNOWN_DATASETS

MOST_SEED = 2**31 - 1
MOST_REPLICATES = 100_000
MOST_EPOCHS = 10_000_000
_MOST_BATCH = 10_000_000
_MOST_UNITS = 100_000
_MOST_LAYERS = 100
_MOST_FACTOR = 1e38
"""What a float32 can hold."""
_LABEL = r"^[^\x00-\x20](?:[^\x00-\x1f]{0,58}[^\x00-\x20])?$"
SEED = f"a whole number from 0 to {MOST_SEED}"

EXPECTED = {
    "name": "a name of up to 100 letters, digits, '_', '-', '.' and spaces, such as regularization",
    "description": "a text",
    "data": f"{', '.join(KNOWN_DATASETS)}, a folder, or {{train: a.h5, test: b.h5}}",
    "train": "the path of a file",
    "test": "the path of a file",
    "validation": "a share from 0 to below 1, such as 0.2",
    "hidden": "a list of unit counts, such as [25, 12]",
    "build": "module:function, such as networks:small_cnn",
    "argument": "a number, a text, true, false, or a list of them",
    "units": f"a whole number from 1 to {_MOST_UNITS:,}",
    "learning_rate": "a number above 0 (up to 1e38), such as 1e-4",
    "batch_size": f"a whole number from 1 to {_MOST_BATCH:,}",
    "epochs": f"a whole number from 1 to {MOST_EPOCHS:,}",
    "l2": "a number from 0 (up to 1e38), such as 0.01",
    "keep_prob": "a number above 0, up to 1",
    "global_seed": SEED,
    "init_seed": SEED,
    "label": "a text of one line and up to 60 characters, such as m6",
    "seeds": f"a count from 1 to {MOST_REPLICATES:,}, or a list such as "
    "[{global_seed: 3, init_seed: 0}]",
}
"""By key, what its value should be; shown with errors and in editors."""


class Section(BaseModel):
    """A mapping of known keys, none of them needed unless it has no default."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, json_schema_extra={"minProperties": 1}
    )


def described(name: str, meaning: str, **limits: Any) -> Any:
    """Describe a value: what it means, and what is expected of it."""
    return Field(description=f"{meaning}: {EXPECTED[name]}.", **limits)


def number(name: str, meaning: str, **limits: Any) -> Any:
    """Describe a finite number."""
    return described(name, meaning, allow_inf_nan=False, **limits)


def without_sign(value: float) -> float:
    """Turn -0.0 into 0.0, which is the same number by another name."""
    return value + 0.0


def _printable(value: str) -> str:
    """Refuse characters that would change what a terminal or page shows around them."""
    if not value.isprintable():
        raise ValueError
    return value


LearningRate = Annotated[float, number("learning_rate", "Step size of Adam", gt=0, le=_MOST_FACTOR)]
BatchSize = Annotated[int, described("batch_size", "Samples a step", ge=1, le=_MOST_BATCH)]
Epochs = Annotated[int, described("epochs", "Passes over the training set", ge=1, le=MOST_EPOCHS)]
L2 = Annotated[
    float,
    number("l2", "Factor of the penalty on hidden kernels", ge=0, le=_MOST_FACTOR),
    AfterValidator(without_sign),
]
KeepProb = Annotated[
    float, number("keep_prob", "Share of outputs that dropout keeps; 1 is none", gt=0, le=1)
]
GlobalSeed = Annotated[
    int, described("global_seed", "Seed of batch order and dropout", ge=0, le=MOST_SEED)
]
InitSeed = Annotated[int, described("init_seed", "Seed of the initial weights", ge=0, le=MOST_SEED)]
Label = Annotated[
    str,
    described("label", "Name of the case in tables", pattern=_LABEL),
    AfterValidator(_printable),
]
Units = Annotated[int, Field(ge=1, le=_MOST_UNITS)]
Layers = Annotated[
    list[Units], described("hidden", "Hidden layers", min_length=1, max_length=_MOST_LAYERS)
]
