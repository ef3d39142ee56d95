"""Executors: where runs are trained. See `signs_sweep.protocols.executor`."""

from signs_sweep.executors.devices import choose_devices, default_workers, find_gpus, on_device
from signs_sweep.executors.inline import InlineExecutor
from signs_sweep.executors.local import LocalExecutor

__all__ = [
    "InlineExecutor",
    "LocalExecutor",
    "choose_devices",
    "default_workers",
    "find_gpus",
    "on_device",
]
