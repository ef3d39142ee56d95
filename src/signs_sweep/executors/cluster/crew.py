"""The workers of a node."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

from signs_sweep.executors.attempt import TrainerFactory
from signs_sweep.executors.devices import choose_devices, on_device
from signs_sweep.executors.local import LocalExecutor
from signs_sweep.protocols import Executor

_TRAVELLING = ("TF_", "XLA_", "KERAS_", "NVIDIA_TF32_")
"""How the names of the environment variables begin that the bits of a result depend on."""


def travelling(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment variables that workers on other machines get from this process."""
    return {name: value for name, value in environment.items() if name.startswith(_TRAVELLING)}


@dataclass(frozen=True)
class Crew:
    """How an agent starts its workers. Pickles by reference.

    Attributes:
        make_trainer: makes the trainer in each worker; its paths are relative to the folder of the
            parcel.
        complete: returns the environment variables of a process that trains, given those of the
            agent.
        variables: environment variables from the orchestrator.
        stall_seconds: see `LocalExecutor`.
    """

    make_trainer: TrainerFactory
    complete: Callable[[Mapping[str, str]], Mapping[str, str]]
    variables: Mapping[str, str] = field(default_factory=dict)
    stall_seconds: float | None = None

    def start(
        self, workers: int, gpus: Sequence[str], folder: Path, wake: Connection | None
    ) -> Executor:
        """Return the executor of a node; its processes start with their first runs.

        Args:
            workers: how many.
            gpus: the GPUs they train on, as CUDA names them; empty for cores.
            folder: their current folder.
            wake: see `LocalExecutor`.
        """
        foreign = ("RAY_", *_TRAVELLING)
        own = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        common = self.complete({**own, **self.variables})
        environments = [on_device(common, gpu) for gpu in choose_devices(workers, gpus, 1)]
        return LocalExecutor(self.make_trainer, environments, self.stall_seconds, folder, wake)
