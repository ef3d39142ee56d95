"""A training run in the middle, as bytes: all that decides what follows, and what has been.

HDF5 with plain arrays, so that anyone can look into it, and nothing is executed by reading it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray

from signs_sweep.errors import TrainingError

_FORMAT = 1


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The state of a run after an epoch.

    Attributes:
        trajectory: id of the path through weight space; see `Run.trajectory_id`.
        state: the values of all variables of network and optimizer, in a fixed order.
        history: by metric, one float64 an epoch, from the first epoch on.
        times: milliseconds since the epoch of Unix at which each epoch ended, int64.
        seconds: time that workers have spent on it.
    """

    trajectory: str
    state: Sequence[NDArray[np.generic]]
    history: Mapping[str, NDArray[np.float64]]
    times: NDArray[np.int64]
    seconds: float

    @property
    def epoch(self) -> int:
        """How many epochs have been trained."""
        return len(self.times)

    def to_bytes(self) -> bytes:
        """Return it as the content of an HDF5 file."""
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
        """Read what `to_bytes` returned.

        Raises:
            TrainingError: it is none, of another version, or of another trajectory.
        """
        import h5py

        try:
            with h5py.File(BytesIO(content), "r") as file:
                if (file.attrs["format"], file.attrs["trajectory"]) != (_FORMAT, trajectory):
                    raise TrainingError("the checkpoint belongs to another run")
                return cls(
                    trajectory,
                    [file["state"][name][()] for name in sorted(file["state"])],
                    {name: values[()] for name, values in file["history"].items()},
                    file["times"][()],
                    float(file.attrs["seconds"]),
                )
        except (OSError, KeyError, ValueError) as error:
            raise TrainingError(f"the checkpoint cannot be read: {error}") from error
