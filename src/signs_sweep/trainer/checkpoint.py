"""The state of a run between two epochs, as bytes: all that decides what follows, and the history.

HDF5 with plain arrays: any HDF5 tool can open it, and reading it executes no code.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray

from signs_sweep.domain import CURVE_METRICS
from signs_sweep.errors import TrainingError

_FORMAT = 1


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The state of a run after an epoch.

    Attributes:
        trajectory: its trajectory_id; see `Run.trajectory_id`.
        state: the values of all variables of the network and the optimizer, in a fixed order.
        history: by metric, one float64 per epoch, from the first epoch.
        times: milliseconds since the Unix epoch at which each epoch ended, int64.
        seconds: time that workers have spent on it.
    """

    trajectory: str
    state: Sequence[NDArray[np.generic]]
    history: Mapping[str, NDArray[np.float64]]
    times: NDArray[np.int64]
    seconds: float

    @property
    def epoch(self) -> int:
        """Number of epochs trained."""
        return len(self.times)

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
            )
            for number, values in enumerate(self.state):
                file[f"state/{number:04}"] = values
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
                    [file["state"][name][()] for name in sorted(file["state"])],
                    {
                        name: file["history"][name][()]
                        for name in CURVE_METRICS  # The order in every history, resumed or not.
                        if name in file["history"]
                    },
                    file["times"][()],
                    float(file.attrs["seconds"]),
                )
        except (OSError, KeyError, ValueError) as error:
            raise TrainingError(f"the checkpoint cannot be read: {error}") from error
