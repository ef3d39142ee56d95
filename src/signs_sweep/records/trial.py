"""A trial: one point of the hyperparameter space."""

from dataclasses import dataclass

from signs_sweep.records.run import Run


@dataclass(frozen=True, slots=True)
class Trial:
    """One point of the hyperparameter space and its replicates.

    Attributes:
        number: place in the order written in the spec, from 1.
        label: the name that the spec's `cases` gave it, or None.
        runs: one run for each pair of seeds; they differ in their seeds alone.
    """

    number: int
    label: str | None
    runs: tuple[Run, ...]
