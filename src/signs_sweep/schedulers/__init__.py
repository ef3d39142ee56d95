"""Schedulers: what to train next. See `signs_sweep.protocols.scheduler`."""

from signs_sweep.schedulers.fixed import FixedScheduler

__all__ = ["FixedScheduler"]
