"""Executors: where runs are trained. See `signs_sweep.protocols.executor`."""

from signs_sweep.executors.inline import InlineExecutor
from signs_sweep.executors.local import LocalExecutor, default_workers

__all__ = ["InlineExecutor", "LocalExecutor", "default_workers"]
