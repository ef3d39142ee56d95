"""A run as a store has it."""

from collections.abc import Mapping
from dataclasses import dataclass

from signs_sweep.domain import Parameters, Result


@dataclass(frozen=True)
class RecordedRun:
    """A run that was found by the experiment it is recorded under.

    Attributes:
        label: the name of its trial, or None.
        parameters: hyperparameters and seeds.
        model: what it trains, by name, as text.
        baseline: run_id of the run that it is compared with: its own in the baseline; or None.
        version: version of the training that it was recorded with.
        result: what is known of it.
    """

    label: str | None
    parameters: Parameters
    model: Mapping[str, str]
    baseline: str | None
    version: int
    result: Result
