"""How to train: what a user may choose for `run`, beside the plan."""

from dataclasses import dataclass

from signs_sweep.errors import UsageError

_MOST_WORKERS = 256


@dataclass(frozen=True)
class Options:
    """How to train.

    Attributes:
        workers: processes; None for one per graphics processor or, without one, per core, or fewer
            where there is little to train; 0 to train in this process.
        workers_per_gpu: how many share a graphics processor.
        force: whether to train finished runs again, from their beginning.
        retries: how often a run whose process died goes on in another one.
        checkpoint_seconds: time between two checkpoints of a run.
        stall_seconds: how long a worker may send nothing before it is killed.

    Raises:
        UsageError: one of them is out of range.
    """

    workers: int | None = None
    workers_per_gpu: int = 1
    force: bool = False
    retries: int = 2
    checkpoint_seconds: float = 10.0
    stall_seconds: float = 600.0

    def __post_init__(self) -> None:
        """Check the ranges."""
        for name, low, high in (
            ("workers", 0, _MOST_WORKERS),
            ("workers_per_gpu", 1, _MOST_WORKERS),
            ("retries", 0, 1000),
            ("checkpoint_seconds", 0, 86400),
            ("stall_seconds", 1, 86400),
        ):
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                option = name.replace("_", "-")
                raise UsageError(f"--{option} {value}: a number from {low} to {high} was expected")
