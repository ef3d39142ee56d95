"""Reading runs, their curves and artifacts from an MLflow server, without MLflow.

Most of the time the server works: it needs 1 to 2 ms for a run, more in an answer of thousands, and
answers several requests at the same time. Therefore many runs are asked for in parts. MLflow's
client would take 2 to 4 s to import, and longer than this to parse the answers. If an answer is not
as expected, the caller asks MLflow: errors of servers are explained there.
"""

import os
from base64 import b64encode
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from configparser import ConfigParser
from configparser import Error as ConfigError
from contextlib import contextmanager, suppress
from functools import cached_property
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from signs_sweep.domain import Curve
from signs_sweep.domain.masking import learn_user
from signs_sweep.tracking.mlflow import tags
from signs_sweep.tracking.mlflow.found import (
    Record,
    UnexpectedError,
    curve_of,
    unknown_experiment,
)
from signs_sweep.tracking.mlflow.http import acknowledge_immediately

if TYPE_CHECKING:
    from requests import Response, Session

_API = "/api/2.0/mlflow"
_HISTORIES = "/ajax-api/2.0/mlflow/metrics/get-history-bulk"
"""The address from which MLflow's own pages get curves of several runs."""

_ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"
"""The address of the artifacts that a server keeps itself."""

_CONNECT_SECONDS = 5
_AT_ONCE = 4
"""Requests at the same time: MLflow's server has four processes by default."""

_PAGE = 100
"""Runs in the first answer. A store that has more is read in parts."""

_PARTS = "0123456789abcdef"
"""The first digits of MLflow's ids of records, which are random."""

_FEW = 8
SOME = 50
"""Up to so many runs are asked for one by one, in any store and in a store of several pages.

MLflow has no condition for several run_ids. Finding a run takes the server 15 ms.
"""

_MOST_POINTS = 25_000
"""The server's limit for the points of an answer."""

_RUNS_AN_ANSWER = 10
"""Runs whose curves are asked for together; at most 100."""

_ONLY_MLFLOW = ("MLFLOW_TRACKING_AUTH", "MLFLOW_TRACKING_AWS_SIGV4", "MLFLOW_WORKSPACE")
"""Settings that need MLflow's own client."""


class Server:
    """Reads an MLflow server, with the credentials and certificates that MLflow would use.

    All methods raise an UnexpectedError if an answer is not as expected.
    """

    def __init__(self, uri: str) -> None:
        """Remember the server, as `resolve_uri` returns it."""
        self._uri = uri
        self._folders: dict[str, str] = {}

    def records(
        self,
        experiment: str | None = None,
        run_ids: Collection[str] | None = None,
        mark: str = tags.RUN_ID,
    ) -> list[Record]:
        """See `ask_for_records`."""
        with _expected():
            known = {each["name"]: each["experiment_id"] for each in self._experiments()}
            if experiment is not None:
                if experiment not in known:
                    raise unknown_experiment(experiment, known, self._uri)
                known = {experiment: known[experiment]}
            wanted = None if run_ids is None else set(run_ids)
            runs = self._runs(list(known.values()), wanted, mark)
            infos = [run["info"] for run in runs]
            self._folders |= {info["run_id"]: info.get("artifact_uri", "") for info in infos}
            found = {record.location: record for record in map(_record, runs)}
            return sorted(
                (each for each in found.values() if wanted is None or each.tags[mark] in wanted),
                key=lambda each: (each.began, each.location),
            )

    def _runs(self, ids: Sequence[str], wanted: set[str] | None, mark: str) -> list[Any]:
        """Return the runs of experiments with a tag: at least the wanted, some maybe twice."""

        def ask(condition: str) -> list[Any]:
            runs, token = self._page(ids, condition)
            while token:
                more, token = self._page(ids, condition, token)
                runs += more
            return runs

        each = [f"tags.`{mark}` = '{run_id}'" for run_id in wanted or ()]
        if wanted is not None and len(wanted) <= _FEW:
            return self._all(ask, each)
        condition = f"tags.`{mark}` LIKE '%'"
        runs, token = self._page(ids, condition, most=_PAGE)
        if not token:
            return runs
        if wanted is not None and len(wanted) <= SOME:
            return self._all(ask, each)
        rest = f"{condition} AND attributes.start_time >= {runs[-1]['info']['start_time']}"
        parts = [f"{rest} AND attributes.run_id LIKE '{digit}%'" for digit in _PARTS]
        return runs + self._all(ask, parts)

    def _page(
        self, ids: Sequence[str], condition: str, token: str | None = None, most: int = 1000
    ) -> tuple[list[Any], str | None]:
        answer = self._call(
            "POST",
            f"{_API}/runs/search",
            json={
                "experiment_ids": ids,
                "filter": condition,
                "run_view_type": "ACTIVE_ONLY",
                "max_results": most,
                "order_by": ["attributes.start_time ASC"],
                "page_token": token,
            },
        )
        return answer.get("runs", []), answer.get("next_page_token")

    def curves(
        self, locations: Collection[str], metrics: Collection[str]
    ) -> Mapping[str, Mapping[str, Curve]]:
        """Return the curves of records, by location and metric."""
        listed = sorted(locations)
        parts = [
            (listed[first : first + _RUNS_AN_ANSWER], name)
            for first in range(0, len(listed), _RUNS_AN_ANSWER)
            for name in metrics
        ]
        with _expected():
            histories: dict[tuple[str, str], list[tuple[int, int, float]]] = {}
            for points in self._all(lambda part: self._points(*part), parts):
                key = (points["run_id"], points["key"])
                point = (points["step"], points["timestamp"], float(points["value"]))
                histories.setdefault(key, []).append(point)
        return {
            location: {
                name: curve_of(
                    (step, value, False)
                    for step, _, value in sorted(
                        histories.get((location, name), ()), key=lambda point: point[:2]
                    )
                )
                for name in metrics
            }
            for location in locations
        }

    def _points(self, locations: list[str], name: str) -> list[Any]:
        params = {"run_id": locations, "metric_key": name, "max_results": _MOST_POINTS}
        points: list[Any] = self._call("GET", _HISTORIES, params=params)["metrics"]
        if len(points) < _MOST_POINTS:
            return points
        if len(locations) == 1:
            raise UnexpectedError  # MLflow's client asks for the parts of a long curve.
        half = len(locations) // 2
        return self._points(locations[:half], name) + self._points(locations[half:], name)

    def experiment_tags(self, experiment: str) -> Mapping[str, str]:
        """Return the tags of an experiment; those of an unknown experiment are empty."""
        with _expected():
            named = (each for each in self._experiments() if each["name"] == experiment)
            return next(map(_tags, named), {})

    def tag_values(self, name: str) -> list[str]:
        """Return the values that a tag has in all experiments."""
        with _expected():
            found = map(_tags, self._experiments())
            return [values[name] for values in found if name in values]

    def folders(self, _: Collection[str]) -> dict[str, Path]:
        """Return no folders: artifacts are on the server."""
        return {}

    def artifacts(self, locations: Collection[str], name: str) -> Mapping[str, bytes | None]:
        """Return an artifact of records by location; None for a record without it.

        The records that have been read are asked about, if the server itself keeps their artifacts.
        Where an answer is not as expected, they are left out.
        """

        def read(location: str) -> list[tuple[str, bytes | None]]:
            address = urlsplit(self._folders[location])
            if address.scheme != "mlflow-artifacts" or address.netloc:
                return []
            with suppress(UnexpectedError, ValueError):
                answer = self._ask("GET", f"{_ARTIFACTS}{address.path}/{name}")
                if answer.status_code == 200:
                    return [(location, answer.content)]
                if answer.json().get("error_code") == "RESOURCE_DOES_NOT_EXIST":
                    return [(location, None)]
            return []

        return dict(self._all(read, [each for each in locations if each in self._folders]))

    def _experiments(self) -> list[Any]:
        found, token = [], None
        while True:
            content = {"max_results": 1000, "view_type": "ACTIVE_ONLY", "page_token": token}
            answer = self._call("POST", f"{_API}/experiments/search", json=content)
            found += answer.get("experiments", [])
            token = answer.get("next_page_token")
            if not token:
                return found

    def _all(self, ask: Any, questions: Sequence[Any]) -> list[Any]:
        """Return the elements of all answers."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return [each for answer in pool.map(ask, questions) for each in answer]

    def _call(self, method: str, path: str, **content: Any) -> Any:
        answer = self._ask(method, path, **content)
        if answer.status_code != 200:
            raise UnexpectedError
        return answer.json()

    def _ask(self, method: str, path: str, **content: Any) -> "Response":
        from requests import RequestException

        seconds = float(os.environ.get("MLFLOW_HTTP_REQUEST_TIMEOUT", "30"))
        try:
            return self._session.request(
                method,
                self._uri.rstrip("/") + path,
                timeout=(_CONNECT_SECONDS, seconds),
                verify=_verification(),
                allow_redirects=_is_set("MLFLOW_ALLOW_HTTP_REDIRECTS", default="true"),
                **content,
            )
        except (RequestException, OSError) as error:  # OSError: a certificate is not a file.
            raise UnexpectedError from error

    @cached_property
    def _session(self) -> "Session":
        from requests import Session

        plugins = entry_points(group="mlflow.request_header_provider")
        if plugins or any(map(os.environ.get, _ONLY_MLFLOW)):
            raise UnexpectedError
        acknowledge_immediately()
        session = Session()
        session.cert = os.environ.get("MLFLOW_TRACKING_CLIENT_CERT_PATH") or None
        if (credentials := _credentials()) is not None:
            session.headers["Authorization"] = credentials
        return session


def _credentials() -> str | None:
    """Return the header with the user's credentials, from the places where MLflow looks."""
    kept: Mapping[str, str] = {}
    file = ConfigParser()
    file.read(Path("~/.mlflow/credentials").expanduser())
    if "mlflow" in file:
        kept = file["mlflow"]
    user, password = (
        os.environ.get(name) or kept.get(name.lower())
        for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")
    )
    if user and password:
        learn_user(user, password)
        return f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"
    token = os.environ.get("MLFLOW_TRACKING_TOKEN")
    return f"Bearer {token}" if token else None


def _verification() -> bool | str:
    """Return how to check the server's certificate: a file, or whether to check it."""
    file = os.environ.get("MLFLOW_TRACKING_SERVER_CERT_PATH")
    if not _is_set("MLFLOW_TRACKING_INSECURE_TLS"):
        return file or True
    if file:
        raise UnexpectedError  # MLflow does not allow both.
    return False


def _is_set(name: str, default: str = "false") -> bool:
    return os.environ.get(name, default).lower() in ("true", "1")


def _record(run: Any) -> Record:
    info, data = run["info"], run["data"]
    metrics = data.get("metrics", ())
    return Record(
        info["run_id"],
        info["status"],
        {each["key"]: each.get("value", "") for each in data.get("params", ())},
        _tags(data),
        {each["key"]: float(each["value"]) for each in metrics},
        info["start_time"],
        info.get("end_time") or None,
        {each["key"]: int(each["step"]) for each in metrics},
    )


def _tags(of: Any) -> dict[str, str]:
    return {each["key"]: each.get("value", "") for each in of.get("tags", ())}


@contextmanager
def _expected() -> Iterator[None]:
    """Turn the errors of reading an answer that is not as expected into an UnexpectedError."""
    try:
        yield
    except (ValueError, LookupError, TypeError, AttributeError, ConfigError) as error:
        raise UnexpectedError from error
