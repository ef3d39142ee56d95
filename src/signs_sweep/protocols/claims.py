"""Which sweep trains which trajectory, when several share a store."""

from typing import Protocol


class Claims(Protocol):
    """The right to train a trajectory, held by at most one sweep at a time.

    May be called from several threads: the loop takes claims, and the thread that records releases
    them. The claims of a process are released when it ends, however it ends.
    """

    def take(self, trajectory: str) -> bool:
        """Take the claim without waiting; return whether it was free."""

    def release(self, trajectory: str) -> None:
        """Release the claim."""
