"""Claims as PostgreSQL's advisory locks, which the server releases when a connection ends."""

import platform
import time
from contextlib import suppress
from functools import partial
from hashlib import sha256
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from signs_sweep.errors import StoreError
from signs_sweep.process.answers import wait_for_answer
from signs_sweep.project.databases import database_errors, shown, why

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import URL, Connection

_CONNECT_SECONDS = 10
"""How long the server may take to accept a connection."""

_ANSWER_SECONDS = 5.0
"""How long to wait for the answer to a claim."""

_CHECK_SECONDS = 2.0
"""Between two checks of the connection, and between two attempts to restore it."""

_GRACE_SECONDS = 10.0
"""How long after its start a server gives no new claims, so that former holders come first."""

_PAUSE_SECONDS = 0.1
"""Between two checks whether a former session has ended."""

_CLOSE_SECONDS = 2.0

_SESSION = {
    # The server ends the session of a machine that vanished, and releases its locks.
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "4",
    "tcp_user_timeout": "30000",
    # A session is idle for as long as a run takes.
    "idle_session_timeout": "0",
}
"""Settings of a session; older servers do not have all of them."""

_CLIENT = {
    "connect_timeout": f"{_CONNECT_SECONDS}",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "4",
    "tcp_user_timeout": "30000",
}
"""Options of libpq, where an address does not set them."""

_NAME = "signs-sweep "
"""Begins the name under which a session is listed by the server; the object and the host follow."""

_BEGIN = """
SELECT set_config(name, value, false) FROM pg_settings JOIN (VALUES {}) AS wanted (name, value)
USING (name)
"""
_WHO = "SELECT pg_backend_pid(), extract(epoch FROM now() - pg_postmaster_start_time())"
_END_FORMER = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE application_name = :name AND pid <> pg_backend_pid()
"""
_HELD = """
SELECT count(*), count(DISTINCT pid) FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'advisory' AND datname = current_database() AND application_name LIKE :name
"""


class PostgresClaims:
    """Implements `RemoteClaims` in a PostgreSQL database.

    The first claim connects. A thread then uses the connection, so that a server that hangs delays
    a caller for seconds only. If the connection is lost, its locks are free, at the latest when the
    thread connects again and ends the former session, of which the server may not know that it is
    lost. It then takes them again, except for those that another process has taken meanwhile.

    Sessions of PostgreSQL hold locks: the address may not be that of a connection pooler that gives
    each transaction a different session.
    """

    def __init__(self, uri: str, title: str = "the database for claims") -> None:
        """Store the settings.

        Args:
            uri: the database, as `resolve` returns it.
            title: what the database is, for messages.

        Raises:
            StoreError: the address is invalid.
        """
        self._uri = uri
        self._title = title
        self._name = f"{_NAME}{uuid4().hex[:12]} {platform.node()}"[:63]
        self.place = _place(self._url)
        self.is_hurried = False
        self._connection: Connection | None = None
        self._session = 0
        """Process id of the session on the server."""
        self._not_before = 0.0
        """When the server begins to give new claims."""
        self._held: set[str] = set()
        self._lost: str | None = None
        """Why there is no connection, if it was lost."""
        self._opening = Lock()
        self._jobs: SimpleQueue[Callable[[], None] | None] | None = None
        """What the thread is to do next, None to end; there is no thread without it."""
        self._thread: Thread | None = None

    def take(self, name: str) -> bool:
        """See `RemoteClaims.take`."""
        with self._opening:
            if self._jobs is None:
                self._open()
            jobs = self._jobs
        if self._lost is not None:
            raise StoreError(self._lost)
        answer: SimpleQueue[bool | Exception] = SimpleQueue()
        assert jobs is not None
        jobs.put(partial(self._answer, answer, name))
        try:
            taken = wait_for_answer(answer, _ANSWER_SECONDS, lambda: self.is_hurried)
        except Empty:
            jobs.put(partial(self._release, name))  # It may still be taken.
            self._lost = self._explain("it does not answer")
            raise StoreError(self._lost) from None
        if isinstance(taken, Exception):
            raise taken
        return taken

    def is_free(self, name: str) -> bool:
        """See `RemoteClaims.is_free`."""
        is_free = self.take(name)
        if is_free:
            self.release(name)
        return is_free

    def has_lost(self, name: str) -> bool:
        """Whether another process has taken a claim of this object while it had no connection."""
        return name not in self._held

    def release(self, name: str) -> None:
        """See `RemoteClaims.release`."""
        if (jobs := self._jobs) is not None:
            jobs.put(partial(self._release, name))

    def close(self) -> None:
        """See `RemoteClaims.close`."""
        with self._opening:
            jobs, self._jobs = self._jobs, None
            if jobs is None or self._thread is None:
                return
            jobs.put(None)
            self._thread.join(_CLOSE_SECONDS)
            self._thread, self._lost = None, None
            self._held = set()

    def count(self) -> tuple[int, int]:
        """Return how many claims are held now, and by how many sessions.

        Raises:
            StoreError: the database cannot be reached.
        """
        own = PostgresClaims(self._uri, self._title)
        try:
            own._connect()
            held, sessions = own._fetch(_HELD, name=f"{_NAME}%")
        finally:
            own._disconnect()
        return held, sessions

    def _open(self) -> None:
        try:
            self._connect()
        except StoreError:
            self._disconnect()
            raise
        time.sleep(max(0, self._not_before - time.monotonic()))
        self._jobs = SimpleQueue()
        self._thread = Thread(target=self._serve, args=(self._jobs,), name="claims", daemon=True)
        self._thread.start()

    def _serve(self, jobs: "SimpleQueue[Callable[[], None] | None]") -> None:
        """Do what is asked for, and check the connection in between."""
        next_check = time.monotonic() + _CHECK_SECONDS
        while True:
            try:
                job = jobs.get(timeout=max(0, next_check - time.monotonic()))
            except Empty:
                job = self._check
            if job is None:
                break
            try:
                job()
            except Exception as error:  # noqa: BLE001 - the next claim raises it
                self._disconnect()
                self._lost = str(error if isinstance(error, StoreError) else self._why(error))
            if job == self._check:
                next_check = time.monotonic() + _CHECK_SECONDS
        self._disconnect()

    def _check(self) -> None:
        """Restore a connection that was lost, and take the claims again."""
        if self._connection is None:
            self._connect()
            self._end_former()
            self._held = {name for name in self._held if self._lock(name)}
        else:
            self._fetch(_WHO)
        self._lost = None

    def _end_former(self) -> None:
        """End the former sessions of this object, whose names no other has."""
        end = time.monotonic() + _ANSWER_SECONDS
        while self._fetch(_END_FORMER, name=self._name) is not None:
            if time.monotonic() >= end:
                raise StoreError(self._explain("it does not end the session that was lost"))
            time.sleep(_PAUSE_SECONDS)

    def _answer(self, answer: "SimpleQueue[bool | Exception]", name: str) -> None:
        try:
            answer.put(self._take(name))
        except Exception as error:
            answer.put(error)
            raise

    def _take(self, name: str) -> bool:
        if self._connection is None:
            raise StoreError(self._lost or self._explain("it does not answer"))
        # A session could take its own lock again.
        if name in self._held or time.monotonic() < self._not_before or not self._lock(name):
            return False
        self._held.add(name)
        return True

    def _release(self, name: str) -> None:
        if name in self._held:
            self._held.discard(name)
            if self._connection is not None:
                self._fetch("SELECT pg_advisory_unlock(:key)", key=_key(name))

    def _lock(self, name: str) -> bool:
        taken, session = self._fetch(
            "SELECT pg_try_advisory_lock(:key), pg_backend_pid()", key=_key(name)
        )
        self._check_session(session)
        return bool(taken)

    def _check_session(self, session: int) -> None:
        if session != self._session:
            raise StoreError(
                self._explain(
                    "its address is that of a connection pooler that changes sessions, which "
                    "cannot hold claims. Name the server itself, or a pooler of sessions"
                )
            )

    def _explain(self, reason: str) -> str:
        return f"{self._title} {shown(self._uri)} cannot be used: {reason}"

    @property
    def _url(self) -> "URL":
        from sqlalchemy import make_url

        return make_url(self._uri)

    def _connect(self) -> None:
        from sqlalchemy import NullPool, create_engine

        url = self._url
        if url.get_driver_name() in ("psycopg", "psycopg2"):
            url = url.update_query_dict(
                {name: value for name, value in _CLIENT.items() if name not in url.query}
            )
        settings = _SESSION | {"application_name": self._name}
        values = ", ".join(f"('{name}', :{name})" for name in settings)
        with database_errors(self._why):
            engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
            self._connection = engine.connect()
        self._fetch(_BEGIN.format(values), **settings)
        self._session, age = self._fetch(_WHO)
        self._check_session(self._fetch(_WHO)[0])
        self._not_before = time.monotonic() + _GRACE_SECONDS - float(age)

    def _fetch(self, statement: str, **values: object) -> Any:
        """Execute a statement; return the first row of its result."""
        from sqlalchemy import text

        assert self._connection is not None
        with database_errors(self._why):
            return self._connection.execute(text(statement), values).first()

    def _why(self, error: Exception) -> StoreError:
        # The message of the driver, without SQLAlchemy's additions.
        return StoreError(self._explain(why(getattr(error, "orig", None) or error)))

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):  # It may be lost.
                connection.close()


def _key(name: str) -> int:
    """Return the number of a lock, of 64 bits."""
    digest = sha256(f"signs-sweep claim {name}".encode()).digest()
    return int.from_bytes(digest[:8], signed=True)


def _place(url: "URL") -> str:
    """Return server and database, and the machine if the address depends on it."""
    host = url.host or ",".join([*url.normalized_query.get("host", ())])
    if host.lower() in ("", "localhost", "127.0.0.1", "::1") or host.startswith("/"):
        host = f"{platform.node()}:{host}"
    return f"postgresql://{host.lower()}:{url.port or 5432}/{url.database or ''}"
