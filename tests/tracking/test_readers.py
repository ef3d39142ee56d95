"""What is read from tables and from a server without MLflow, compared with MLflow's answers."""

import os
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

from servers import Mlflow, Postgres
from signs_sweep.errors import UnknownExperimentError
from signs_sweep.tracking import MlflowIndex
from signs_sweep.tracking.mlflow import rest, tables, tags
from signs_sweep.tracking.mlflow.client import connect, write
from signs_sweep.tracking.mlflow.found import UnexpectedError, ask_for_curves, ask_for_records
from signs_sweep.tracking.mlflow.rest import Server
from signs_sweep.tracking.mlflow.source import source_tags
from signs_sweep.tracking.mlflow.tables import Tables

VALUES = {"loss": float("nan"), "accuracy": float("inf"), "seconds": -0.5}
NAMES = ("toy", "Fußgänger 行", "gone")
RUNS = 12
"""In each experiment."""


@pytest.fixture(scope="module")
def uris(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """A database and a server over it, with runs that are unlike each other."""
    from mlflow.entities import Metric

    database = postgres.database("readers")
    client = connect(database)
    for name in NAMES:
        experiment = client.create_experiment(name, tags={tags.RULE: '{"margin": 0.5}', "ü": name})
        for number in range(RUNS):
            values = {tags.RUN_ID: f"{number % 9:012x}-30", tags.LABEL: f"größe = {number}\n'\"%"}
            made = client.create_run(experiment, start_time=1000 + number // 4, tags=values)
            location = made.info.run_id
            points = [
                Metric(key, value if step == 5 else place / 7, 9 - place, step)
                for key, value in VALUES.items()
                for place, step in enumerate((1, 2, 5, 2, 4))
            ]
            write(client, location, metrics=points[: 5 * (number % 4)])
            if number % 3:
                write(client, location, params={"l2": "0.1", "empty": "", "näme/x": "%s :x"})
            if number % 5:
                client.set_terminated(location, ["FAILED", "FINISHED"][number % 2], 5000)
        client.delete_run(location)
        other = client.create_run(experiment, tags={tags.SWEEP: "s", tags.ORIGIN: "host:/é"})
        client.set_terminated(other.info.run_id)
    client.delete_experiment(experiment)
    server = Mlflow(tmp_path_factory.mktemp("server"), database)
    server.start()
    yield database, server.address
    server.stop()


@pytest.mark.slow
def test_tables_and_server_give_the_records_that_mlflow_gives(uris, monkeypatch) -> None:
    """For all runs, for few and for many; with several pages, parts and conditions."""
    database, address = uris
    some = [f"{number:012x}-30" for number in (1, 4, 8, 77)]
    questions = [
        {},
        {"experiment": NAMES[1]},
        {"run_ids": some},
        {"run_ids": some, "experiment": "toy"},
        {"run_ids": []},
        {"mark": tags.SWEEP},
    ]
    client = connect(database)
    for question in questions:
        asked = ask_for_records(client, database, **({"experiment": None} | question))
        expected = sorted(map(repr, asked))  # NaN is not equal to itself.
        counts = [2 * (RUNS - 1), RUNS - 1, None, None, 0, 2]
        assert len(asked) == (counts[questions.index(question)] or len(asked))
        for few, page, at_once in ((8, 200, 500), (0, 5, 3)):
            monkeypatch.setattr(rest, "_FEW", few)
            monkeypatch.setattr(rest, "_PAGE", page)
            monkeypatch.setattr(tables, "_AT_ONCE", at_once)
            for is_many in (False, True):
                monkeypatch.setattr(rest, "SOME", 0 if is_many else 50)
                for reader in (Tables(database), Server(address)):
                    read = reader.records(**question)
                    assert sorted(map(repr, read)) == expected
                    ages = [(each.began, each.location) for each in read]
                    assert ages == sorted(ages)
    with pytest.raises(UnknownExperimentError, match="did you mean 'toy'"):
        Server(address).records("toys")
    for name in ("gone", "none"):
        with pytest.raises(UnknownExperimentError):
            Tables(database).records(name)


@pytest.mark.slow
def test_tables_and_server_give_the_curves_that_mlflow_gives(uris, monkeypatch) -> None:
    database, address = uris
    locations = [record.location for record in Tables(database).records()]
    asked = ask_for_curves(connect(database), locations, tuple(VALUES))
    assert sum(curve.epochs.size for of in asked.values() for curve in of.values()) > 50
    for most, together in ((25_000, 10), (12, 10), (12, 3)):
        monkeypatch.setattr(rest, "_MOST_POINTS", most)
        monkeypatch.setattr(rest, "_RUNS_AN_ANSWER", together)
        for reader in (Tables(database), Server(address)):
            np.testing.assert_equal(reader.curves(locations, tuple(VALUES)), asked)
    monkeypatch.setattr(rest, "_MOST_POINTS", 5)
    with pytest.raises(UnexpectedError):
        Server(address).curves(locations, ("loss",))
    for uri in uris:  # MLflow's client is asked.
        np.testing.assert_equal(MlflowIndex(uri).curves(locations, tuple(VALUES)), asked)


@pytest.mark.slow
def test_artifacts_of_a_server_are_read_without_asking_for_runs(uris, monkeypatch) -> None:
    client, index = connect(uris[1]), MlflowIndex(uris[1])
    experiment = client.create_experiment("of the server")
    first, second, other = (
        client.create_run(experiment, tags={tags.RUN_ID: name}).info.run_id for name in "abc"
    )
    client.log_text(first, "one", "x.txt")
    client.log_text(second, "two", "x.txt")
    contents = {first: b"one", second: b"two"}
    assert index.artifacts([first, other, second], "x.txt") == contents  # MLflow is asked.
    monkeypatch.setattr("signs_sweep.tracking.mlflow.index.connect", None)
    index = MlflowIndex(uris[1])
    index.records("of the server")
    assert index.artifacts([first, other, second], "x.txt") == contents


@pytest.mark.slow
def test_tags_of_experiments_are_read(uris) -> None:
    for reader in (Tables(uris[0]), Server(uris[1])):
        assert reader.experiment_tags(NAMES[1])["ü"] == NAMES[1]
        assert reader.experiment_tags("none") == {}
        assert sorted(reader.tag_values("ü")) == sorted(NAMES[:2])


class Echo(BaseHTTPRequestHandler):
    """Answers nothing of use, and keeps what it was sent."""

    def do_POST(self) -> None:
        self.server.seen.append((self.path, self.headers.get("Authorization")))
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"3.17.2" if self.path.endswith("/version") else b"{}")

    do_GET = do_POST  # noqa: N815 - a name of http.server

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize(
    ("environment", "file"),
    [
        ({}, ""),
        ({"USERNAME": "ann", "PASSWORD": "p:ß"}, ""),
        ({"TOKEN": "abc"}, ""),
        ({"USERNAME": "ann", "TOKEN": "abc"}, ""),
        ({"PASSWORD": "env", "TOKEN": "abc"}, "username = bo\nmlflow_tracking_password = file"),
        ({"TOKEN": "abc"}, "mlflow_tracking_username = bo\nmlflow_tracking_password = file"),
        ({"PASSWORD": "env"}, "mlflow_tracking_username = bo\nmlflow_tracking_password = file"),
    ],
)
def test_a_server_gets_the_credentials_that_mlflow_sends_and_records_their_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], file: str
) -> None:
    from mlflow.tracking.context.default_context import DefaultRunContext

    monkeypatch.setenv("HOME", str(tmp_path))
    for name in [name for name in os.environ if name.startswith("MLFLOW_TRACKING")]:
        monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(f"MLFLOW_TRACKING_{name}", value)
    if file:
        (tmp_path / ".mlflow").mkdir()
        (tmp_path / ".mlflow" / "credentials").write_text(f"[mlflow]\n{file}\n")
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        server.seen = []
        Thread(target=server.serve_forever, daemon=True).start()
        uri = f"http://127.0.0.1:{server.server_port}/prefix/"
        Server(uri).experiment_tags("toy")
        connect(uri)
        server.shutdown()
    assert source_tags()["mlflow.user"] == DefaultRunContext().tags()["mlflow.user"]
    (ours, *mlflows) = server.seen
    assert mlflows
    assert {sent for _, sent in mlflows} == {ours[1]}
    assert all(path.startswith("/prefix/") for path, _ in server.seen)


def test_what_only_mlflow_can_do_is_left_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_INSECURE_TLS", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", "server.pem")
    with pytest.raises(UnexpectedError):
        Server("https://127.0.0.1:1").records()
    monkeypatch.setenv("MLFLOW_TRACKING_AUTH", "plugin")
    with pytest.raises(UnexpectedError):
        Server("http://127.0.0.1:1").records()


def test_what_is_not_as_expected_is_left_to_mlflow() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        server.seen = []
        Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(UnexpectedError):  # Without an address for curves.
            Server(f"http://127.0.0.1:{server.server_port}").curves(["a"], ["loss"])
        server.shutdown()
    for uri in ("http://127.0.0.1:1", "https://127.0.0.1:1"):
        with pytest.raises(UnexpectedError):
            Server(uri).records()
    with pytest.raises(UnexpectedError):
        Tables("postgresql://nobody@127.0.0.1:1/none").records()
