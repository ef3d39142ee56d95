"""The state of a run between two epochs, as bytes: all that decides what follows, and the history.

HDF5 with plain arrays: any HDF5 tool can open it, and reading it executes no code.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signs_sweep.domain import CURVE_METRICS, Kinds, Run, kinds_in, kinds_text
from signs_sweep.errors import TrainingError

_FORMAT = 1


@dataclass(frozen=True, eq=False)
class Best:
    """The best weights of a run so far, by a rule that may stop it.

    Attributes:
        key: `EarlyStopping.state_key` of the rule.
        epoch: number (1-based) of the epoch after which the network had them.
        weights: the values of the variables of the network, in a fixed order.
    """

    key: str
    epoch: int
    weights: Sequence[NDArray[np.generic]]


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The state of a run after an epoch.

    Attributes:
        trajectory: its trajectory_id; see `Run.trajectory_id`.
        state: the values of all variables of the network and the optimizer, in a fixed order.
        history: by metric, one float64 per epoch, from the first epoch.
        times: milliseconds since the Unix epoch at which each epoch ended, int64.
        seconds: time that workers have spent on it.
        best: its best weights; None without early stopping.
        kinds: the kinds of processors that trained it; none in checkpoints of earlier versions.
    """

    trajectory: str
    state: Sequence[NDArray[np.generic]]
    history: Mapping[str, NDArray[np.float64]]
    times: NDArray[np.int64]
    seconds: float
    best: Best | None = None
    kinds: Kinds = field(default_factory=dict)

    @property
    def epoch(self) -> int:
        """Number of epochs trained."""
        return len(self.times)

    def best_of(self, run: Run) -> Best | None:
        """Return the best weights that a run needs to continue from here; None if it needs none.

        Raises:
            TrainingError: they are missing, or its rule stops it before this epoch.
        """
        rule = run.early_stopping
        if rule is None:
            return None
        course = rule.follow(self.history)
        if self.best is None or (self.best.key, self.best.epoch) != (rule.state_key, course.best):
            raise TrainingError("the checkpoint lacks the best weights that early stopping needs")
        if course.stop not in (None, self.epoch):
            raise TrainingError("the checkpoint is of an epoch after the end of the run")
        return self.best

    def to_bytes(self) -> bytes:
        """Return the snapshot as the content of an HDF5 file."""
        import h5py

        content = BytesIO()
        with h5py.File(content, "w") as file:
            file.attrs.update(
                format=_FORMAT,
                trajectory=self.trajectory,
                epoch=self.epoch,
                seconds=self.seconds,
                kinds=kinds_text(self.kinds),
            )
            for number, values in enumerate(self.state):
                file[f"state/{number:04}"] = values
            if self.best is not None:
                for number, values in enumerate(self.best.weights):
                    file[f"best/{number:04}"] = values
                file["best"].attrs.update(key=self.best.key, epoch=self.best.epoch)
            for name, values in self.history.items():
                file[f"history/{name}"] = values
            file["times"] = self.times
        return content.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes, trajectory: str) -> "Snapshot":
        """Read a snapshot from the content that `to_bytes` returned.

        Raises:
            TrainingError: it cannot be read, or has a different format or trajectory.
        """
        import h5py

        try:
            with h5py.File(BytesIO(content), "r") as file:
                if (file.attrs["format"], file.attrs["trajectory"]) != (_FORMAT, trajectory):
                    raise TrainingError("the checkpoint belongs to another run")
                return cls(
                    trajectory,
                    _arrays(file["state"]),
                    {
                        name: file["history"][name][()]
                        for name in CURVE_METRICS  # The order in every history, resumed or not.
                        if name in file["history"]
                    },
                    file["times"][()],
                    float(file.attrs["seconds"]),
                    _best(file["best"]) if "best" in file else None,
                    kinds_in(file.attrs.get("kinds", "{}")),
                )
        except (OSError, KeyError, ValueError) as error:
            raise TrainingError(f"the checkpoint cannot be read: {error}") from error


def _arrays(group: Any) -> list[NDArray[np.generic]]:
    return [group[name][()] for name in sorted(group)]


def _best(group: Any) -> Best:
    return Best(str(group.attrs["key"]), int(group.attrs["epoch"]), _arrays(group))
