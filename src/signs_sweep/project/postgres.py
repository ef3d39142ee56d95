"""Claims as PostgreSQL's advisory locks, which the server releases when a connection ends."""

from signs_sweep.project.databases import without_password


class PostgresClaims:
    """Implements `RemoteClaims` in a PostgreSQL database."""

    def __init__(self, uri: str) -> None:
        """Remember the database; the first claim connects to it."""
        self._uri = uri
        self.place = without_password(uri)

    def take(self, name: str) -> bool:
        """See `RemoteClaims.take`."""
        raise NotImplementedError

    def release(self, name: str) -> None:
        """See `RemoteClaims.release`."""
        raise NotImplementedError

    def close(self) -> None:
        """See `RemoteClaims.close`."""
