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


class RemoteClaims(Protocol):
    """Claims between machines; those of one machine are decided by its own files.

    May be called from several threads. A name is taken once and then released, and is that of a
    trajectory, a sweep or a study.

    Attributes:
        place: identifies where the claims are kept, without a secret: two sweeps see each other's
            claims if they have the same place.
        is_hurried: whether `take` waits for no answer, because the command is to end; a signal
            handler may set it.
    """

    place: str
    is_hurried: bool

    def take(self, name: str) -> bool:
        """Take a claim without waiting; return whether it was free.

        Raises:
            StoreError: the claims cannot be reached.
        """

    def is_free(self, name: str) -> bool:
        """Whether no process holds a claim; nothing changes.

        Raises:
            StoreError: the claims cannot be reached.
        """

    def release(self, name: str) -> None:
        """Release a claim. Where that is impossible now, it is done later or expires."""

    def close(self) -> None:
        """Release all claims, and end connections and threads."""
