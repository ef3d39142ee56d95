"""Who trains what, where several sweeps work on one store."""

from typing import Protocol


class Claims(Protocol):
    """The right to train a trajectory: at any moment one sweep has it.

    May be called from several threads: the loop takes, and the thread that records releases. What
    a process holds is free as soon as it ends, however it ends.
    """

    def take(self, trajectory: str) -> bool:
        """Take the right, without waiting; return whether it could be had."""

    def release(self, trajectory: str) -> None:
        """Give the right back."""
