"""Claims as tags in MLflow, with a lease: best effort, as MLflow has no compare-and-set."""

import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cached_property
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Protocol
from uuid import uuid4

from signs_sweep.errors import RefusedError, StoreError
from signs_sweep.process.answers import wait_for_answer
from signs_sweep.project.databases import shown
from signs_sweep.tracking.mlflow.client import connect, store_errors
from signs_sweep.tracking.mlflow.tags import BOARD

if TYPE_CHECKING:
    from mlflow import MlflowClient

LEASE_SECONDS = 60.0
"""How long a sweep must have been silent for its claims to be free."""

_BEAT_SECONDS = 10.0
"""Between two signs of life."""

_PATIENCE_SECONDS = 5.0
"""How long a claim may take: the sweep loop waits meanwhile."""

_FRESH_SECONDS = 1.0
"""For how long a name that another owner claimed counts as claimed without reading again."""

_LAST_SECONDS = 2.0
"""How long `close` waits."""

_MOST_NAMES = 300
"""How many names an owner may claim: some servers limit a tag to 5,000 characters."""

_BOARD = "0"
"""Id of the experiment whose tags are the board: every MLflow store has it."""


class Board(Protocol):
    """Texts of owners, one for each; a read sees all earlier writes."""

    def read(self) -> Mapping[str, str]:
        """Return all texts, by owner."""

    def write(self, owner: str, text: str) -> None:
        """Set the text of an owner."""

    def remove(self, owner: str) -> None:
        """Remove the text of an owner, if it exists."""


class TagClaims:
    """Implements `RemoteClaims` on a tracking server.

    Each object is an owner. It has one tag, which only it writes: a counter and the names that it
    claims. To take a name it writes its tag, then reads all others; if one of them has the name, it
    removes its own claim and may try again later. Of two owners that are alive and reach the
    server, at most one therefore holds a name: if the first has read before the second wrote, the
    second reads after the first wrote, and sees its claim. Both may give way to each other.

    A thread renews the counter. An owner counts as dead once this object, by its own clock, has
    read the same counter for the lease; it then removes its tag. An owner that did not
    reach the server for so long, or misses its tag, checks its claims like new ones, and drops
    those that another has taken; its runs continue, and are then trained twice.

    Owners of the same scope do not see each other: the files of their machine decide.

    All calls of the server are made by the thread, so that none blocks the caller for long.
    """

    def __init__(
        self,
        uri: str,
        scope: Callable[[], str],
        *,
        board: Board | None = None,
        lease: float = LEASE_SECONDS,
        beat: float = _BEAT_SECONDS,
    ) -> None:
        """Remember the server; the first claim connects to it.

        Args:
            uri: the server.
            scope: identifies the claims of this machine; called with the first claim.
            board: where the tags are; by default on the server.
            lease: seconds of silence after which an owner counts as dead.
            beat: seconds between two signs of life.
        """
        self._server = shown(uri)
        self.place = "the tags of the store"  # Its address differs between machines.
        self.is_hurried = False
        self._board = _ServerBoard(uri) if board is None else board
        self._find_scope = scope
        self._lease = lease
        self._beat = beat
        self._owner = uuid4().hex[:12]
        self._thread: Thread | None = None
        self._failure: Exception | None = None
        """Why the last call failed; None if it did not."""
        # The thread alone uses the following.
        self._names: set[str] = set()
        self._count = 0
        self._text: str | None = None
        """The own tag, as written."""
        self._sent = time.monotonic()
        """When it was written."""
        self._is_in_doubt = False
        """Whether another owner may have seen this one as dead."""
        self._seen: dict[str, tuple[str, float]] = {}
        """The tags of other owners, and since when they have been the same."""
        self._elsewhere: set[str] = set()
        """The names that live owners claimed at the last reading."""
        self._read_at = 0.0
        """When that began."""

    def take(self, name: str) -> bool:
        """See `RemoteClaims.take`.

        Raises:
            StoreError: the server does not answer.
            RefusedError: it does not allow claims.
        """
        if self._thread is None:
            self._start()
        if self._failure is not None:  # The next sign of life shows whether the server is back.
            raise self._failure.with_traceback(None)
        answers: SimpleQueue[bool | Exception] = SimpleQueue()

        def attempt() -> None:
            try:
                answers.put(self._attempt(name))
            except Exception as error:
                answers.put(error)
                raise

        self._jobs.put(attempt)
        try:
            answer = wait_for_answer(answers, _PATIENCE_SECONDS, lambda: self.is_hurried)
        except Empty:
            self._failure = answer = StoreError(
                f"the tracking server {self._server} does not answer"
            )
            self.release(name)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def is_free(self, name: str) -> bool:
        """See `RemoteClaims.is_free`. An owner that is silent counts until its tag is removed."""
        return not any(name in _names_in(text) for text in self._board.read().values())

    def release(self, name: str) -> None:
        """See `RemoteClaims.release`."""

        def give_back() -> None:
            self._names.discard(name)
            self._write()

        if self._thread is not None:
            self._jobs.put(give_back)

    def close(self) -> None:
        """See `RemoteClaims.close`."""
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join(_LAST_SECONDS)
            self._thread = None

    def _start(self) -> None:
        """Connect, and start the thread."""
        self._board.read()
        self._scope = self._find_scope()
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        # A daemon, so that a call to a server that hangs does not keep the process alive.
        self._thread = Thread(target=self._work, args=[self._jobs], name="claims", daemon=True)
        self._thread.start()

    # The thread calls the following methods.

    def _work(self, jobs: "SimpleQueue[Callable[[], None] | None]") -> None:
        """Do the jobs in order, and renew the tag between them."""
        next_beat = time.monotonic() + self._beat
        while True:
            try:
                job = jobs.get(timeout=max(0.0, next_beat - time.monotonic()))
            except Empty:
                job = self._renew
            if job is None:
                break
            try:
                job()
                self._failure = None
            except Exception as error:  # noqa: BLE001 - the next claim raises it
                self._failure = error
            if job == self._renew:
                next_beat = time.monotonic() + self._beat
        self._names.clear()
        if self._failure is None:
            with suppress(StoreError):
                self._board.remove(self._owner)

    def _attempt(self, name: str) -> bool:
        """Take a name; return whether it was free."""
        if len(self._names) >= _MOST_NAMES:
            return False
        if name in self._elsewhere:
            is_fresh = time.monotonic() < self._read_at + _FRESH_SECONDS
            if is_fresh or name in self._read():
                return False
        self._names.add(name)
        is_free = False
        try:
            self._write()
            is_free = name not in self._read()
        finally:
            if not is_free:
                self._names.discard(name)
        if not is_free:
            self._write()
        return is_free

    def _renew(self) -> None:
        """Renew the own tag, and drop claims that another has taken."""
        self._read()
        self._write()
        if self._is_in_doubt:
            if lost := self._names & self._read():
                self._names -= lost
                self._write()
            self._is_in_doubt = False

    def _write(self) -> None:
        self._count += 1
        text = json.dumps([self._count, self._scope, sorted(self._names)])
        sent = time.monotonic()
        self._board.write(self._owner, text)
        if time.monotonic() - self._sent >= self._lease:
            self._is_in_doubt = True
        self._text, self._sent = text, sent

    def _read(self) -> set[str]:
        """Return the names that live owners claim, and remove the tags of dead ones."""
        began = time.monotonic()
        board = dict(self._board.read())
        if board.pop(self._owner, None) != self._text:
            self._is_in_doubt = True
        now, seen, names = time.monotonic(), {}, set()
        for owner, text in board.items():
            earlier, since = self._seen.get(owner, (None, now))
            since = since if text == earlier else now
            seen[owner] = text, since
            if began - since >= self._lease:
                self._board.remove(owner)
            else:
                names |= _names_in(text, self._scope)
        self._seen, self._elsewhere, self._read_at = seen, names, began
        return names


class _ServerBoard:
    """Implements `Board` as tags of MLflow's first experiment."""

    def __init__(self, uri: str) -> None:
        self._uri = uri

    @cached_property
    def _client(self) -> "MlflowClient":
        try:
            return connect(self._uri)
        except RefusedError as error:  # It refuses everything, as with a wrong password.
            raise StoreError(str(error)) from error

    def read(self) -> Mapping[str, str]:
        """See `Board.read`."""
        client = self._client
        with store_errors(self._uri):
            found = client.get_experiment(_BOARD).tags
        return {
            name.removeprefix(BOARD): text for name, text in found.items() if name.startswith(BOARD)
        }

    def write(self, owner: str, text: str) -> None:
        """See `Board.write`."""
        with store_errors(self._uri):
            self._client.set_experiment_tag(_BOARD, f"{BOARD}{owner}", text)

    def remove(self, owner: str) -> None:
        """See `Board.remove`."""
        with suppress(RefusedError), store_errors(self._uri):  # Another may just have removed it.
            self._client.delete_experiment_tag(_BOARD, f"{BOARD}{owner}")


def _names_in(text: str, scope: str | None = None) -> set[str]:
    """Return the names in a tag; none if it is of the same scope, or was not written here."""
    try:
        _, of, names = json.loads(text)
        return set() if of == scope else set(map(str, names))
    except (ValueError, TypeError):
        return set()
