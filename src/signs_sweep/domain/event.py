"""What comes back from an executor while it trains.

A run begins with one `Started`, goes on with any number of `Progress` and `Checkpoint`, and ends
with exactly one of `Finished`, `Failed` and `Stopped`. A run whose worker dies before it began ends
with `Failed` alone. Epochs arrive in order, from the first: a run that goes on from a checkpoint
repeats what was before it. The sweep loop drops repetitions, so that what it passes on has each
epoch exactly once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from signs_sweep.domain.masking import mask
from signs_sweep.domain.trial import Trial, TrialEnd

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Started:
    """A worker has taken a run.

    Attributes:
        run_id: the run.
        worker: index of the worker, from 0.
        time: seconds since the epoch of Unix.
        environment: what the bits of a result depend on beside the run: versions of the
            libraries, type of processor, flags of the compiler.
    """

    run_id: str
    worker: int
    time: float
    environment: Mapping[str, str]


@dataclass(frozen=True, eq=False)
class Progress:
    """Some more epochs of a run.

    Attributes:
        run_id: the run.
        first_epoch: number (1-based) of the first epoch in the arrays.
        metrics: by name (`loss`, `accuracy`, and with a validation share `val_loss` and
            `val_accuracy`), one float64 an epoch.
        times: milliseconds since the epoch of Unix at which each epoch ended, int64.
        is_replay: whether they were trained by an earlier sweep, and come from the checkpoint from
            which the run goes on.
    """

    run_id: str
    first_epoch: int
    metrics: "Mapping[str, NDArray[np.float64]]"
    times: "NDArray[np.int64]"
    is_replay: bool = False

    @property
    def last_epoch(self) -> int:
        """Number (1-based) of the last epoch in the arrays."""
        return self.first_epoch + len(self.times) - 1


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """All that decides how a run goes on after an epoch.

    Attributes:
        run_id: the run.
        epoch: how many epochs have been trained.
        content: the state, in the trainer's own format.
        is_end: whether it is the state after the last epoch of the run, with which longer runs
            begin.
    """

    run_id: str
    epoch: int
    content: bytes
    is_end: bool


@dataclass(frozen=True, eq=False)
class Finished:
    """A run has reached its last epoch.

    Attributes:
        run_id: the run.
        time: seconds since the epoch of Unix.
        seconds: time that the worker spent on the run, compilation included.
        metrics: in inference mode and without penalty: `final_train_loss`,
            `final_train_accuracy`, and where the run was tested `test_loss`, `test_accuracy`.
        confusion: counts on the test set, int64 of shape (classes, classes): row the true
            class, column the predicted one; None where the run was not tested.
        model: the trained network as the bytes of a `.keras` file of ordinary Keras layers, for
            float32 images scaled to [0, 1] of shape (n, height, width, channels).
        guessing_since: where the network gives every image the same class, the epoch from which on
            its loss has not been below that of guessing; None for a network that has learned.
        pictures: by file name, PNG images of the run; None where the worker left them to others.
    """

    run_id: str
    time: float
    seconds: float
    metrics: Mapping[str, float]
    confusion: "NDArray[np.int64] | None"
    model: bytes
    guessing_since: int | None = None
    pictures: Mapping[str, bytes] | None = None


@dataclass(frozen=True)
class Failed:
    """A run cannot go on.

    Attributes:
        run_id: the run.
        time: seconds since the epoch of Unix.
        message: what happened and what to do, in a sentence or two.
        traceback: where it happened, when an exception ended the run.
        is_crash: whether its process died, so that it may well go on in another one.

    Secrets are masked in its texts.
    """

    run_id: str
    time: float
    message: str
    traceback: str | None = None
    is_crash: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "message", mask(self.message))
        if self.traceback is not None:
            object.__setattr__(self, "traceback", mask(self.traceback))


@dataclass(frozen=True)
class Retried:
    """The process of a run died; the run goes on in another one. Comes from the sweep loop.

    Attributes:
        run_id: the run.
        time: seconds since the epoch of Unix.
        message: what happened.
        epoch: the epoch after which it goes on; 0 for the beginning.
    """

    run_id: str
    time: float
    message: str
    epoch: int


@dataclass(frozen=True)
class Waiting:
    """Another sweep trains a run, or one that it goes on from. Comes from the sweep loop.

    Attributes:
        run_id: the run.
    """

    run_id: str


@dataclass(frozen=True)
class Notice:
    """Something that the user should know; not recorded.

    Attributes:
        message: a sentence or two.
        run_id: the run that it is about, or None.
    """

    message: str
    run_id: str | None = None


@dataclass(frozen=True)
class Stopped:
    """A run was stopped on request before its last epoch.

    Attributes:
        run_id: the run.
        time: seconds since the epoch of Unix.
    """

    run_id: str
    time: float


@dataclass(frozen=True)
class Proposed:
    """A scheduler has handed out a trial. Comes from the sweep loop.

    Attributes:
        trial: the trial.
    """

    trial: Trial


Event = Started | Progress | Checkpoint | Finished | Failed | Retried | Waiting | Stopped

News = Event | Notice | Proposed | TrialEnd
"""What a listener of a sweep is given."""
