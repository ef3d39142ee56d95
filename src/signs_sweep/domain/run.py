"""A setting, and a run: a setting with its seeds, which decides the result completely."""

from dataclasses import dataclass, replace
from hashlib import sha256
from math import inf
from typing import Any, Final, Literal

from signs_sweep.domain.model import Model
from signs_sweep.domain.parameters import VARIED_NAMES, Parameters, Seeds
from signs_sweep.domain.stopping import EarlyStopping

TRAINING_VERSION = 2
"""Version of the training semantics. Raised whenever the same run would give different numbers."""

GIVEN: Final = "given"
"""The held-out images are the validation set that comes with the dataset."""

Validation = float | Literal["given"]
"""Share of the training set that is held out, in [0, 1), or `given`."""


@dataclass(frozen=True, slots=True)
class _Configuration:
    """What a setting and a run have in common.

    Attributes:
        parameters: hyperparameters and seeds.
        model: the network.
        validation: share of the training set held out for validation, in [0, 1), or `given`.
        data: fingerprint of the dataset.
        training_version: version of the training semantics.
        folds: number of folds of a cross-validation, of which the split seed selects one; 0 for a
            single split.
    """

    parameters: Parameters
    model: Model
    validation: Validation
    data: str
    training_version: int = TRAINING_VERSION
    folds: int = 0

    @property
    def early_stopping(self) -> EarlyStopping | None:
        """The rule that may stop training before the last epoch, or None."""
        return EarlyStopping.of(self.parameters)

    @property
    def varied(self) -> dict[str, Any]:
        """What a spec may vary, by name: hyperparameters, then those of the network."""
        hyperparameters = {name: getattr(self.parameters, name) for name in VARIED_NAMES}
        return hyperparameters | self.model.varied

    def _values(self) -> tuple[Model, Validation, str, int, int]:
        """Return everything but the parameters."""
        return self.model, self.validation, self.data, self.training_version, self.folds


@dataclass(frozen=True, slots=True)
class Setting(_Configuration):
    """A point of the hyperparameter space on given data: decides a result, except for the seeds.

    The seeds in its parameters are set to 0: they are not part of a setting.
    """

    def __post_init__(self) -> None:
        object.__setattr__(self, "parameters", self.parameters.with_seeds(Seeds(0, 0)))

    @property
    def key(self) -> str:
        """12 hex digits, the same for equal settings; `epochs` counts."""
        return sha256(f"setting {self.run(Seeds(0, 0)).run_id}".encode()).hexdigest()[:12]

    def run(self, seeds: Seeds) -> "Run":
        """Return the run that trains this setting with these seeds."""
        return Run(self.parameters.with_seeds(seeds), *self._values())


@dataclass(frozen=True, slots=True)
class Run(_Configuration):
    """A setting with its seeds."""

    @property
    def setting(self) -> Setting:
        """The setting, without the seeds."""
        return Setting(self.parameters, *self._values())

    @property
    def trajectory_id(self) -> str:
        """12 hex digits: a hash of everything that decides the path through weight space.

        `epochs` is left out: it only says how far along the path a run goes. Equal numbers of
        Python and NumPy give the same id.
        """
        identity = (
            self.training_version,
            self.data,
            self.validation if self.validation == GIVEN else float(self.validation),
            self.model.identity,
            *self.parameters.identity,
            *((("folds", self.folds),) if self.folds else ()),
        )
        return sha256(repr(identity).encode()).hexdigest()[:12]

    @property
    def reach(self) -> tuple[float, int]:
        """Its patience and its epochs: the order in which runs of a trajectory can resume.

        With the same metric to stop by, a run can resume where one that comes before it ends, if
        that is not beyond its own epochs.
        """
        rule = self.early_stopping
        return rule.patience if rule else inf, self.parameters.epochs

    @property
    def run_id(self) -> str:
        """The trajectory and the epoch at which it is read, as in `3f9a0c12ab7e-1500`.

        With a rule that may stop it earlier, a hash of the rule follows.
        """
        rules = self.parameters.reading
        suffix = f"-{sha256(repr(rules).encode()).hexdigest()[:8]}" if rules else ""
        return f"{self.trajectory_id}-{self.parameters.epochs}{suffix}"

    @property
    def earlier(self) -> tuple["Run", ...]:
        """The same run in every older training version, the oldest first."""
        versions = range(1, self.training_version)
        return tuple(replace(self, training_version=version) for version in versions)


def trajectory_of(run_id: str) -> str:
    """Return the trajectory_id in a run_id."""
    return run_id.partition("-")[0]
