"""The look-ups of a session in the store, and its interruptions."""

import os
import signal
import threading
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from fakes import MemoryTracker
from signs_sweep.commands import session as sessions
from signs_sweep.commands.options import Options
from signs_sweep.commands.session import Session
from signs_sweep.domain import Dense, Parameters, Result, Run, State
from signs_sweep.errors import StoreError, UsageError
from signs_sweep.executors import local
from signs_sweep.project import FileCheckpoints, FileClaims, SharedClaims
from signs_sweep.protocols import SweepRecord
from signs_sweep.tracking import Journal

RUN = Run(Parameters(epochs=3), Dense((2,)), 0.0, "data")
KNOWN = Result(RUN.run_id, State.FINISHED)
SWEEP = SweepRecord("toy", "", "name: toy\n", "", "toy")


def make_session(folder: Path, find, devices=(), **options) -> Session:
    prepared = SimpleNamespace(sources={}, models={})
    store = SimpleNamespace(
        tracker=MemoryTracker(),
        index=SimpleNamespace(find=find),
        journal=lambda name: Journal(folder / name),
        datasets={},
        claims=SharedClaims(FileClaims(folder), None),
    )
    return Session(prepared, store, Options(**options), devices, "one", lambda _: None)


def test_a_run_that_was_finished_meanwhile_is_found(tmp_path: Path) -> None:
    assert make_session(tmp_path, lambda _: {RUN.run_id: KNOWN})._look_up(RUN) is KNOWN


def test_with_force_the_store_is_not_asked(tmp_path: Path) -> None:
    assert make_session(tmp_path, pytest.fail, force=True)._look_up(RUN) is None


def test_while_the_store_is_away_it_is_asked_only_for_what_other_machines_wrote(
    tmp_path: Path,
) -> None:
    answers = [{RUN.run_id: KNOWN}, StoreError("the connection is closed")]

    def find(_: list[str]) -> Mapping[str, Result]:
        if isinstance(answer := answers.pop(), StoreError):
            raise answer
        return answer

    session = make_session(tmp_path, find)
    session.tracker.is_away = True
    assert session._look_up(RUN) is None
    session._store.claims.remote = SimpleNamespace()
    assert session._look_up(RUN) is KNOWN


def test_training_continues_when_the_store_fails(tmp_path: Path) -> None:
    def fail(run_ids: list[str]) -> None:
        raise StoreError("it is away")

    assert make_session(tmp_path, fail)._look_up(RUN) is None


def test_a_bug_is_not_hidden(tmp_path: Path) -> None:
    def fail(run_ids: list[str]) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        make_session(tmp_path, fail)._look_up(RUN)


def test_a_store_that_hangs_is_not_waited_for_and_not_asked_again(tmp_path: Path, monkeypatch):
    asked = []
    is_over = threading.Event()

    def hang(run_ids: list[str]) -> Mapping[str, Result]:
        asked.append(run_ids)
        is_over.wait(60)
        return {RUN.run_id: KNOWN}

    monkeypatch.setattr(sessions, "_LOOK_UP_SECONDS", 0.1)
    session = make_session(tmp_path, hang)
    assert session._look_up(RUN) is None
    assert session._look_up(RUN) is None
    assert len(asked) == 1
    is_over.set()
    session._store.claims.remote = SimpleNamespace()
    assert session._look_up(RUN) is KNOWN, "another machine may have finished it meanwhile"


def test_an_interruption_ends_the_wait_for_what_the_store_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_over = threading.Event()

    def hang(run_ids: list[str]) -> Mapping[str, Result]:
        session._interrupt()
        is_over.wait(60)
        return {RUN.run_id: KNOWN}

    monkeypatch.setattr(sessions, "_LOOK_UP_SECONDS", 600)
    session = make_session(tmp_path, hang)
    assert session._look_up(RUN) is None
    is_over.set()


def test_a_second_interruption_outside_of_a_sweep_does_not_wait_and_is_no_failure(
    tmp_path: Path,
) -> None:
    session = make_session(tmp_path, pytest.fail)
    session._store.checkpoints = FileCheckpoints(tmp_path)

    def interrupt_twice() -> None:
        with session.opened([], dict):
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(KeyboardInterrupt):
        interrupt_twice()
    assert session._store.tracker.closed == [State.KILLED]


def test_a_sweep_is_alive_on_its_machine_although_another_machine_still_has_its_claim(
    tmp_path: Path,
) -> None:
    session = make_session(tmp_path, pytest.fail)
    session._store.checkpoints = FileCheckpoints(tmp_path)
    session._store.claims.remote = SimpleNamespace(
        take=lambda _: False, close=lambda: None, place="there"
    )
    with session.opened([SWEEP], dict):
        assert not FileClaims(tmp_path).take("one"), "its journal is not that of a dead sweep"
        session.tracker.close(State.FINISHED, {})
    assert FileClaims(tmp_path).take("one")
    assert session._store.tracker.sweeps["toy"].claims == "", "nothing there shows that it is alive"


def test_the_record_of_a_sweep_names_where_its_claim_is_seen(tmp_path: Path) -> None:
    session = make_session(tmp_path, pytest.fail)
    session._store.checkpoints = FileCheckpoints(tmp_path)
    session._store.claims.remote = SimpleNamespace(
        take=lambda _: True, release=lambda _: None, close=lambda: None, place="there"
    )
    with session.opened([SWEEP], dict):
        session.tracker.close(State.FINISHED, {})
    assert session._store.tracker.sweeps["toy"].claims == "there"


def test_workers_of_several_kinds_on_one_machine_cannot_keep_runs_on_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "kind_here", lambda gpu: {"0": "NVIDIA H200"}.get(gpu, "NVIDIA L4"))
    make = partial(make_session, tmp_path, dict, same_processor=True)
    assert make(devices=["1", "2"]).executor.kinds == {"NVIDIA L4"}
    with pytest.raises(UsageError, match=r"has NVIDIA H200 and NVIDIA L4\. Choose those of one"):
        make(devices=["0", "1"])
