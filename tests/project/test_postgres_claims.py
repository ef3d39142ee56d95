"""Claims between machines, in a real PostgreSQL server."""

import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from servers import Postgres, free_port, wait_for
from signs_sweep.errors import StoreError
from signs_sweep.project import PostgresClaims
from signs_sweep.project.databases import resolve

pytestmark = pytest.mark.slow

HOLD = """
import sys, time
from signs_sweep.project import PostgresClaims, postgres
postgres._GRACE_SECONDS = 0
print(PostgresClaims(sys.argv[1]).take("abc"), flush=True)
time.sleep(600)
"""


@pytest.fixture(scope="module")
def database(postgres: Postgres) -> str:
    return postgres.database("claims")


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that has just started gives claims at once, and what is lost is noticed soon."""
    monkeypatch.setattr("signs_sweep.project.postgres._GRACE_SECONDS", 0)
    monkeypatch.setattr("signs_sweep.project.postgres._CHECK_SECONDS", 0.1)


@pytest.fixture
def make(database: str) -> Iterator[Callable[..., PostgresClaims]]:
    made: list[PostgresClaims] = []

    def new(uri: str = database) -> PostgresClaims:
        made.append(PostgresClaims(uri))
        return made[-1]

    yield new
    for claims in made:
        claims.close()


def sql(postgres: Postgres, statement: str, database: str = "claims") -> list[tuple]:
    import psycopg

    with psycopg.connect(postgres.address(database), autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def test_a_claim_has_one_holder_in_a_database_at_a_time(make, postgres) -> None:
    first, second = make(), make()
    assert first.take("abc")
    assert not first.take("abc"), "although a session may take its own lock again"
    assert not second.take("abc")
    assert second.take("def")
    assert make(postgres.address("postgres")).take("abc"), "in another database"
    assert [first.is_free(name) for name in ("abc", "def", "ghi")] == [False, False, True]
    assert first.count() == (2, 2)
    first.release("abc")
    first.release("never taken")
    wait_for(lambda: second.take("abc"))
    second.close()
    wait_for(lambda: first.take("abc"))  # Those of a connection end with it.
    assert first.take("def")
    assert second.take("ghi"), "it may be opened again"


def test_the_claims_of_a_process_are_free_after_it_was_killed(make, database) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, database], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "True\n"
    process.stdout.close()
    claims = make()
    assert not claims.take("abc")
    process.kill()
    process.wait()
    wait_for(lambda: claims.take("abc"), seconds=10)


def test_the_server_ends_the_session_of_a_machine_that_vanished(make, postgres) -> None:
    claims = make()
    assert claims.take("abc")
    assert claims._connection is not None
    settings = {
        name: claims._fetch(f"SHOW {name}")[0]
        for name in ("tcp_keepalives_idle", "tcp_keepalives_count", "idle_session_timeout")
    }
    assert settings == {
        "tcp_keepalives_idle": "10",
        "tcp_keepalives_count": "4",
        "idle_session_timeout": "0",
    }
    names = sql(postgres, "SELECT application_name FROM pg_stat_activity")
    assert (claims._name,) in names


def test_a_lost_connection_is_restored_with_its_claims_except_those_that_others_took(
    make, postgres, monkeypatch
) -> None:
    first, second = make(), make()
    for name in ("kept", "lost", "released"):
        assert first.take(name)
    assert second.take("other")
    with monkeypatch.context() as outage:
        outage.setattr(first, "_connect", gone)
        outage.setattr(first, "_fetch", gone)
        wait_for(lambda: first._lost is not None)
        began = time.monotonic()
        with pytest.raises(StoreError, match="gone"):
            first.take("another")
        assert time.monotonic() < began + 1, "it does not wait"
        first.release("released")
        wait_for(lambda: second.take("lost"))
    wait_for(lambda: first._lost is None)
    assert [first.has_lost(name) for name in ("kept", "lost")] == [False, True]
    assert not second.take("kept")
    assert second.take("released")
    first.release("lost")
    assert not make().take("lost"), "it is not that of the first any more"


def test_what_the_server_still_keeps_for_a_lost_connection_of_its_own_is_no_loss(
    make,
) -> None:
    first, second = make(), make()
    assert first.take("abc")
    assert second.take("def")
    former, sessions = first._connection, (first._session, second._session)

    def notice() -> None:
        first._connection = None
        raise StoreError("connection reset by peer")

    first._jobs.put(notice)
    wait_for(lambda: first._session != sessions[0] and first._lost is None)
    former.invalidate()
    assert not first.has_lost("abc")
    assert not second.take("abc")
    assert second._session == sessions[1], "the sessions of others are left alone"


def gone(*_: object, **__: object) -> None:
    raise StoreError("gone")


def test_a_server_that_restarts_gives_claims_to_former_holders_first(
    make, postgres, monkeypatch
) -> None:
    monkeypatch.setattr("signs_sweep.project.postgres._GRACE_SECONDS", 3)
    first, second = make(), make()
    assert first.take("abc")
    assert second.take("other")
    postgres.stop()
    with pytest.raises(StoreError, match="the database for claims postgresql://signs:"):
        second.take("abc")
    postgres.start()
    wait_for(lambda: first._lost is None and second._lost is None)
    assert not second.take("new"), "it has just started"
    wait_for(lambda: second.take("new"))
    assert not second.take("abc")
    assert not first.take("other")
    fresh, began = make(), time.monotonic()
    postgres.stop()
    postgres.start()
    assert fresh.take("further"), "a new process waits instead"
    assert time.monotonic() > began + 3


def test_a_server_that_hangs_delays_a_claim_for_seconds_only(make, monkeypatch) -> None:
    monkeypatch.setattr("signs_sweep.project.postgres._ANSWER_SECONDS", 0.2)
    claims, other = make(), make()
    assert claims.take("abc")
    fetch = claims._fetch

    def slowly(statement: str, **values: object) -> object:
        time.sleep(1)
        return fetch(statement, **values)

    monkeypatch.setattr(claims, "_fetch", slowly)
    with pytest.raises(StoreError, match="it does not answer"):
        claims.take("late")
    monkeypatch.setattr(claims, "_fetch", fetch)
    wait_for(lambda: claims._lost is None)
    assert other.take("late"), "what was taken too late is released"
    assert not other.take("abc")


def test_an_address_that_changes_sessions_is_an_error(make, monkeypatch) -> None:
    claims = make()
    assert claims.take("abc")
    claims._session += 1  # As behind a pooler of transactions.
    with pytest.raises(StoreError, match="connection pooler"):
        claims.take("def")


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda uri: uri.replace("pg-S3cret", "wr0ng-one"), "password authentication failed"),
        (lambda uri: uri.replace("/claims", "/missing"), '"missing" does not exist'),
        (lambda uri: uri.replace("127.0.0.1", "nowhere.invalid"), "nowhere.invalid"),
        (lambda uri: f"{uri.rpartition(':')[0]}:{free_port()}/claims", "Connection refused"),
        (lambda uri: f"{uri}?sslmode=require", "SSL"),
        (lambda uri: f"{uri}?sslmode=verify-full&sslrootcert=/none.crt", "/none.crt"),
        (lambda uri: f"{uri}?colour=blue", "colour"),
        (lambda uri: uri.replace("postgresql:", "postgresql+psycopg2:"), "install psycopg2-binary"),
    ],
    ids=["password", "database", "host", "port", "TLS", "certificate", "option", "package"],
)
def test_a_database_that_cannot_be_used_is_an_error_with_the_reason(
    change, what: str, make, database, tmp_path
) -> None:
    claims = make(resolve(change(database), tmp_path, ""))
    with pytest.raises(StoreError, match="cannot be used: ") as caught:
        claims.take("abc")
    message = str(caught.value)
    assert what in message
    assert "pg-S3cret" not in message
    assert "wr0ng-one" not in message
    assert "psycopg.OperationalError" not in message
    with pytest.raises(StoreError, match="cannot be used: "), closing(claims):
        claims.take("abc")


@pytest.mark.parametrize(
    ("uri", "place"),
    [
        (
            "postgresql://me:s3cretpw@DB.example.org/runs?sslmode=require",
            "db.example.org:5432/runs",
        ),
        ("postgresql+psycopg://you@db.example.org:5432/runs", "db.example.org:5432/runs"),
        ("postgresql:///runs?host=db.example.org", "db.example.org:5432/runs"),
        ("postgresql://127.0.0.1:5433/runs", f"{platform.node()}:127.0.0.1:5433/runs"),
        ("postgresql:///runs?host=/run/postgresql", f"{platform.node()}:/run/postgresql:5432/runs"),
    ],
)
def test_the_place_is_the_server_and_the_database(uri: str, place: str) -> None:
    assert PostgresClaims(uri).place.lower() == f"postgresql://{place}".lower()


def test_an_unexpected_error_of_the_thread_does_not_end_it(make, monkeypatch) -> None:
    claims = make()
    assert claims.take("abc")
    with monkeypatch.context() as patch:
        patch.setattr(claims, "_fetch", lambda *_, **__: {}["missing"])
        wait_for(lambda: claims._lost is not None)
    wait_for(lambda: claims._lost is None)
    assert not make().take("abc")
