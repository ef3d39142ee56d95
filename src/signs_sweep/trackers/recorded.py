"""A run as a store has it."""

from dataclasses import dataclass

from signs_sweep.records import Parameters, Result


@dataclass(frozen=True)
class RecordedRun:
    """A run that was found by the experiment it is recorded under.

    Attributes:
        run_id: the run.
        label: the name of its trial, or None.
        parameters: hyperparameters and seeds.
        result: what is known of it.
    """

    run_id: str
    label: str | None
    parameters: Parameters
    result: Result
