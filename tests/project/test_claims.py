"""Claims of the sweeps of a machine, and of several."""

import subprocess
import sys
from pathlib import Path
from random import Random
from threading import Barrier, Thread

import pytest

from signs_sweep.errors import StoreError
from signs_sweep.project import FileClaims, SharedClaims, claim_study, claims
from signs_sweep.project.paths import ProjectPaths

HOLD = """
import sys, time
from pathlib import Path
from signs_sweep.project import FileClaims
print(FileClaims(Path(sys.argv[1])).take("abc"), flush=True)
claims = FileClaims(Path(sys.argv[1])); claims.take("kept")
time.sleep(60)
"""


def test_a_claim_has_one_holder_at_a_time(tmp_path: Path) -> None:
    first, second = FileClaims(tmp_path / "new"), FileClaims(tmp_path / "new")
    assert first.take("abc")
    assert not first.take("abc")
    assert not second.take("abc")
    assert second.take("def")
    first.release("abc")
    assert second.take("abc")


def test_the_claims_of_a_process_are_free_after_it_was_killed(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "True\n"
    process.stdout.close()
    process.kill()
    process.wait()
    assert FileClaims(tmp_path).take("kept")


def test_threads_may_share_them(tmp_path: Path) -> None:
    shared, holders, most = FileClaims(tmp_path), [], []
    begin = Barrier(4)

    def work(number: int) -> None:
        begin.wait()
        for turn in range(200):
            if shared.take("abc"):
                holders.append(number)
                most.append(len(holders))
                holders.remove(number)
                (shared.retire if turn % 2 else shared.release)("abc")

    threads = [Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(600)
    assert set(most) == {1}
    assert shared.take("abc"), "nothing is left held"


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    with pytest.raises(StoreError, match="--tracking-uri"):
        FileClaims(tmp_path / "taken").take("abc")


class Remote:
    """Claims of one machine in a place that several reach, or do not."""

    place = "somewhere"

    def __init__(self, taken: dict[str, "Remote"]) -> None:
        self._taken = taken
        self.is_away = False

    def take(self, name: str) -> bool:
        if self.is_away:
            raise StoreError("the place does not answer.")
        return name not in self.held and self._taken.setdefault(name, self) is self

    def release(self, name: str) -> None:
        assert self._taken.pop(name) is self

    def close(self) -> None:
        for name in self.held:
            self.release(name)

    @property
    def held(self) -> set[str]:
        return {name for name, holder in self._taken.copy().items() if holder is self}


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "_AGAIN_SECONDS", (0, 0))
    monkeypatch.setattr(claims, "_PATIENCE_SECONDS", 0)


@pytest.mark.usefixtures("at_once")
def test_a_claim_has_one_holder_among_machines(tmp_path: Path) -> None:
    taken: dict[str, Remote] = {}
    here, there = (
        SharedClaims(FileClaims(tmp_path / name), Remote(taken)) for name in ("here", "there")
    )
    assert here.take("abc")
    assert not there.take("abc")
    assert FileClaims(tmp_path / "there").take("abc"), "it is not kept on a machine in vain"
    beside = SharedClaims(FileClaims(tmp_path / "here"), Remote(taken))
    assert not beside.take("abc")
    here.release("abc")
    assert beside.take("abc")
    beside.retire("abc")
    assert not taken
    assert here.take("def")
    here.close()
    assert not taken


def test_what_was_not_free_elsewhere_is_not_asked_for_at_once_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "_AGAIN_SECONDS", (600, 600))
    taken: dict[str, Remote] = {}
    here, elsewhere = SharedClaims(FileClaims(tmp_path), Remote(taken)), Remote(taken)
    assert elsewhere.take("abc")
    assert not here.take("abc")
    elsewhere.release("abc")
    assert not here.take("abc")
    assert here.take("def")


@pytest.mark.usefixtures("at_once")
def test_claims_are_of_one_machine_while_the_others_cannot_be_reached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: dict[str, Remote] = {}
    remote, elsewhere = Remote(taken), Remote(taken)
    here, warnings = SharedClaims(FileClaims(tmp_path), remote), list[str]()
    here.warn = warnings.append
    remote.is_away = True
    with pytest.raises(StoreError, match="the place does not answer"):
        here.take("abc")
    remote.is_away = False
    assert here.take("abc")
    remote.is_away = True
    monkeypatch.setattr(claims, "_PATIENCE_SECONDS", 600)
    assert not here.take("def"), "it may answer soon"
    assert not warnings
    monkeypatch.setattr(claims, "_PATIENCE_SECONDS", 0)
    for name in ("def", "ghi", "jkl"):
        assert here.take(name)
    (warning,) = warnings
    assert warning.startswith("the place does not answer. Training continues; ")
    assert taken == {"abc": remote}
    assert not here.is_shared()
    here.release("ghi")
    assert elsewhere.take("jkl"), "and trains it as well"
    remote.is_away = False
    assert here.take("mno")
    assert here.is_shared()
    assert remote.held == {"abc", "def", "mno"}, "what was claimed meanwhile is claimed now"
    for name in ("abc", "def", "jkl", "mno"):
        here.release(name)
    assert elsewhere.held == set(taken) == {"jkl"}


@pytest.mark.usefixtures("at_once")
def test_other_machines_wait_for_results_that_are_not_in_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: dict[str, Remote] = {}
    here, is_behind = SharedClaims(FileClaims(tmp_path), Remote(taken)), True
    here.is_behind = lambda: is_behind
    for name in ("abc", "def", "ghi"):
        assert here.take(name)
        here.release(name)
    assert here.take("abc")
    assert set(taken) == {"abc", "def", "ghi"}
    is_behind = False
    assert here.take("jkl"), "while it waits, it releases nothing"
    assert set(taken) == {"abc", "jkl"}
    here.release("abc")
    assert set(taken) == {"jkl"}
    here.release("jkl")
    assert not taken
    is_behind = True
    monkeypatch.setattr(claims, "_MOST_KEPT", 2)
    for name in ("abc", "def", "ghi", "jkl"):
        assert here.take(name)
        here.release(name)
    assert set(taken) == {"ghi", "jkl"}, "but not for any number of them"


@pytest.mark.usefixtures("at_once")
def test_who_does_not_train_needs_the_other_machines(tmp_path: Path) -> None:
    remote = Remote({})
    here = SharedClaims(FileClaims(tmp_path), remote)
    assert here.take("abc")
    remote.is_away = True
    with pytest.raises(StoreError, match="the place does not answer"):
        here.take("def")
    assert FileClaims(tmp_path).take("def")


@pytest.mark.usefixtures("at_once")
def test_threads_of_several_machines_exclude_each_other(tmp_path: Path) -> None:
    taken: dict[str, Remote] = {}
    machines = [
        SharedClaims(FileClaims(tmp_path / str(number)), Remote(taken)) for number in range(2)
    ]
    names = ("abc", "def", "ghi")
    holders: dict[str, list[int]] = {name: [] for name in names}
    most: list[int] = []
    begin = Barrier(4)

    def work(number: int) -> None:
        random, own = Random(number), machines[number % 2]
        own.warn = lambda _: None
        begin.wait()
        for _ in range(150):
            name = random.choice(names)
            if own.take(name):
                holders[name].append(number)
                most.append(len(holders[name]))
                holders[name].remove(number)
                random.choice([own.release, own.retire])(name)

    threads = [Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(600)
    assert set(most) == {1}
    assert not taken, "nothing is left held"
    assert all(machine.take(name) for machine in machines[:1] for name in names)


def test_a_study_has_one_search_at_a_time(tmp_path: Path) -> None:
    paths = ProjectPaths(f"sqlite:///{tmp_path}/mlflow.db", tmp_path)
    for storage in (paths.studies, "mysql://me@host/db"):
        claim = claim_study(paths, storage, "toy")
        assert claim is not None
        assert claim_study(paths, storage, "toy") is None
        assert claim_study(paths, storage, "other") is not None
        claim.release()
        assert claim_study(paths, storage, "toy") is not None
    (tmp_path / "taken").touch()
    with pytest.raises(StoreError, match=r"the study's database .*taken/.* cannot be created: "):
        claim_study(paths, f"sqlite:///{tmp_path}/taken/optuna.db", "toy")
