"""The events that an executor returns while it trains.

A run begins with one `Started`, continues with any number of `Progress` and `Checkpoint`, and ends
with exactly one of `Finished`, `Failed` and `Stopped`. A run whose worker dies before the start has
only `Failed`. Epochs arrive in order, from the first: a run that resumes from a checkpoint repeats
the epochs before it. The sweep loop drops repetitions and passes on each epoch exactly once.

Each names its run by `run_id`; its `time` is in seconds since the Unix epoch.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from signs_sweep.domain.diagnosis import Diagnosis
from signs_sweep.domain.kinds import Kinds
from signs_sweep.domain.masking import mask
from signs_sweep.domain.predictions import Predictions
from signs_sweep.domain.trial import Trial, TrialEnd

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Started:
    """A worker has taken a run.

    Attributes:
        worker: index of the worker, from 0.
        environment: what the bits of a result depend on besides the run: library versions,
            processor type, compiler flags.
        node: the node of a cluster where the worker is, a name for people; None without a cluster.
    """

    run_id: str
    worker: int
    time: float
    environment: Mapping[str, str]
    node: str | None = None


@dataclass(frozen=True, eq=False)
class Progress:
    """Further epochs of a run.

    Attributes:
        first_epoch: number (1-based) of the first epoch in the arrays.
        metrics: by name (`loss`, `accuracy`, and with a validation share `val_loss` and
            `val_accuracy`), one float64 an epoch.
        times: milliseconds since the Unix epoch at which each epoch ended, int64.
        is_replay: whether the epochs were trained by an earlier sweep and were read from the
            checkpoint that the run resumes from.
        kinds: the kinds of processors that trained the run up to the last of these epochs.
    """

    run_id: str
    first_epoch: int
    metrics: "Mapping[str, NDArray[np.float64]]"
    times: "NDArray[np.int64]"
    is_replay: bool = False
    kinds: Kinds = field(default_factory=dict)

    @property
    def last_epoch(self) -> int:
        """Number (1-based) of the last epoch in the arrays."""
        return self.first_epoch + len(self.times) - 1


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """Everything that decides how a run continues after an epoch.

    Attributes:
        epoch: number of epochs trained.
        content: the state, in the trainer's own format.
        is_end: whether it is the state after the last epoch of the run, from which longer runs
            start.
        least_patience: for a run with early stopping, the smallest patience with which it gets
            this far; None without, where the checkpoint has no best weights.
        kinds: the kinds of processors that trained the run so far.
    """

    run_id: str
    epoch: int
    content: bytes
    is_end: bool
    least_patience: int | None = None
    kinds: Kinds = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Finished:
    """A run has reached its last epoch, or early stopping ended it.

    All but `seconds` is of the weights that are kept: those of `chosen_epoch`, if it is set, else
    those of the last epoch.

    Attributes:
        seconds: time the worker spent on the run, compilation included.
        metrics: in inference mode and without penalty: `final_train_loss`,
            `final_train_accuracy`, and if the run was tested `test_loss`, `test_accuracy`; the
            metrics of its predictions (`val_macro_f1`, ..., see `SCORES` in `domain.metrics`); for
            a dense network `dead_units_1`, ...: the share of each hidden layer's units that are
            zero for every training image.
        confusion: counts on the test set, int64 of shape (classes, classes): rows are true
            classes, columns predicted ones; None if the run was not tested.
        model: the trained network as the bytes of a `.keras` file of ordinary Keras layers, for
            uint8 images of shape (n, height, width, channels).
        guessing_since: if the network gives every image the same class, the first epoch since which
            its loss has not been below that of guessing; None for a network that has learned.
        diagnosis: what became of the run; None if it is too short for a diagnosis.
        pictures: by file name, PNG images of the run; None if the tracker is to draw them.
        predictions: for the images that the network was not trained on: `validation` if samples
            were held out, `test` if the run was tested.
        stopped_at: the epoch after which early stopping ended it; None if it reached the last.
        chosen_epoch: the epoch that early stopping chose as the best; None if it does not choose.
        kinds: the kinds of processors that trained the run.
    """

    run_id: str
    time: float
    seconds: float
    metrics: Mapping[str, float]
    confusion: "NDArray[np.int64] | None"
    model: bytes
    guessing_since: int | None = None
    diagnosis: Diagnosis | None = None
    pictures: Mapping[str, bytes] | None = None
    predictions: Mapping[str, Predictions] = field(default_factory=dict)
    stopped_at: int | None = None
    chosen_epoch: int | None = None
    kinds: Kinds = field(default_factory=dict)


@dataclass(frozen=True)
class Failed:
    """A run cannot continue.

    Attributes:
        message: what happened and what to do, one or two sentences.
        traceback: of the exception that ended the run, or None.
        is_crash: whether its process died; the run can then be resumed in a new one.
        is_node_lost: whether its process died because its node of a cluster is gone, which is not
            the run's fault.
        chance: the accuracy of guessing, 1 / number of classes, if its loss diverged; else None.

    Secrets in the message and traceback are masked.
    """

    run_id: str
    time: float
    message: str
    traceback: str | None = None
    is_crash: bool = False
    is_node_lost: bool = False
    chance: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "message", mask(self.message))
        if self.traceback is not None:
            object.__setattr__(self, "traceback", mask(self.traceback))


@dataclass(frozen=True)
class Retried:
    """The process of a run died; the run continues in a new one. Sent by the sweep loop.

    Attributes:
        message: what happened.
        epoch: the epoch after which it resumes; 0 for the beginning.
    """

    run_id: str
    time: float
    message: str
    epoch: int


@dataclass(frozen=True)
class Waiting:
    """Another sweep is training a run, or the run it resumes from. Sent by the sweep loop."""

    run_id: str


@dataclass(frozen=True)
class Notice:
    """A message for the user; not recorded.

    Attributes:
        message: one or two sentences.
        run_id: the run that the message concerns, or None.
    """

    message: str
    run_id: str | None = None


@dataclass(frozen=True)
class Stopped:
    """A run was stopped on request before its last epoch."""

    run_id: str
    time: float


@dataclass(frozen=True)
class Proposed:
    """A scheduler has handed out a trial. Sent by the sweep loop."""

    trial: Trial


Event = Started | Progress | Checkpoint | Finished | Failed | Retried | Waiting | Stopped

News = Event | Notice | Proposed | TrialEnd
"""What the listener of a sweep receives."""
