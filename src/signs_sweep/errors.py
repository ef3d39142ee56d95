"""Every error this package raises on purpose.

::

    SignsSweepError            the user can fix it; shown without a traceback
    ├── UsageError             an invalid option or argument                      exit code 2
    ├── SpecError              a spec with problems, all of them listed           exit code 2
    ├── DataError              a dataset that cannot be used                      exit code 2
    ├── StoreError             a tracking store that cannot be opened or written  exit code 2
    │   ├── UnknownExperimentError  it has no experiment of that name
    │   └── RefusedError            it refuses, now and later
    │       ├── DeniedError         every call of this user
    │       └── DeletedError        calls for a record that was deleted
    ├── ClusterError           a Ray cluster that cannot be joined, or is lost    exit code 2
    └── TrainingError          a run that cannot continue                         ends that run
        └── DivergedError      its loss is NaN or infinite

    DataWarning, a `UserWarning`: the dataset can be used, but results from it are doubtful.
    StoreWarning, a `UserWarning`: records of an earlier sweep are not in the tracking store.

Anything else that reaches the user is a bug and shows its traceback.
"""

import math
from collections.abc import Callable

from signs_sweep.domain.masking import mask


class SignsSweepError(Exception):
    """Base of all errors that the user can fix; `str(error)` is the whole message.

    Secrets known when the error is created are masked in it.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(mask(message))

    @property
    def sentence(self) -> str:
        """The message, with a full stop unless it ends with a question."""
        return str(self) if str(self).endswith((".", "?")) else f"{self}."


class UsageError(SignsSweepError):
    """An option or argument is invalid."""


class SpecError(SignsSweepError):
    """A spec has problems; the message lists all of them, each with its position."""

    def __init__(self, message: str, lay_out: Callable[[int], str] | None = None) -> None:
        """Take the message, and a function that lays it out for a given number of columns."""
        super().__init__(message)
        self._lay_out = lay_out

    def within(self, columns: int) -> "SpecError":
        """Return this error with its message laid out for a terminal of that many columns."""
        return SpecError(self._lay_out(columns)) if self._lay_out else self


class DataError(SignsSweepError):
    """A dataset is missing, damaged or not in the expected layout."""


class DataWarning(UserWarning):
    """A dataset can be used, but its results are doubtful; the command line shows it on stderr."""


class StoreWarning(UserWarning):
    """Records of an earlier sweep are not in the tracking store; shown on stderr."""


class StoreError(SignsSweepError):
    """The tracking store cannot be opened or written."""


class UnknownExperimentError(StoreError):
    """The tracking store has no experiment of that name."""


class RefusedError(StoreError):
    """The tracking store answers, but refuses: the same call would be refused again."""


class DeniedError(RefusedError):
    """The tracking store refuses this user: every call would be refused."""


class DeletedError(RefusedError):
    """The record was deleted in the tracking store, as by a sweep that takes its run over."""


class ClusterError(SignsSweepError):
    """A Ray cluster cannot be joined, or the connection to it is lost."""


class TrainingError(SignsSweepError):
    """A run cannot continue; it ends as failed, and the other runs continue."""


class DivergedError(TrainingError):
    """The loss of a run became NaN or infinite.

    Attributes:
        epoch: the first epoch (1-based) whose loss is not finite.
        chance: the accuracy of guessing.
    """

    def __init__(self, epoch: int, loss: float, chance: float) -> None:
        super().__init__(
            f"diverged: the loss became {'NaN' if math.isnan(loss) else loss} in epoch {epoch}. "
            "Try a smaller learning_rate, or check the data for extreme values."
        )
        self.epoch = epoch
        self.loss = loss
        self.chance = chance

    def __reduce__(self) -> tuple[type["DivergedError"], tuple[int, float, float]]:
        return DivergedError, (self.epoch, self.loss, self.chance)
