"""Claims between machines without a database: as tags that a server keeps."""

import time
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path
from threading import Condition, Event, Thread

import pytest

from servers import wait_for
from signs_sweep.errors import DeniedError, StoreError
from signs_sweep.project import FileClaims, SharedClaims
from signs_sweep.tracking.mlflow import claims as claims_module
from signs_sweep.tracking.mlflow.claims import TagClaims


class Registers(dict[str, str]):
    """A board in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.is_away = False

    def _check(self) -> None:
        if self.is_away:
            raise StoreError("it does not answer")

    def read(self) -> Mapping[str, str]:
        self._check()
        return dict(self)

    def write(self, owner: str, text: str) -> None:
        self._check()
        self[owner] = text

    def remove(self, owner: str) -> None:
        self._check()
        self.pop(owner, None)


class InTurn:
    """A board that two owners use in a given order of their calls."""

    def __init__(self, board: Registers, order: list[int]) -> None:
        self._board = board
        self.order = order
        self._changed = Condition()
        self.ended: set[int] = set()

    def view(self, me: int) -> "View":
        return View(self, me)

    def _next(self) -> int | None:
        left = [each for each in self.order if each not in self.ended]
        return left[0] if left else None

    def call(self, me: int, method: str, *arguments: str) -> Mapping[str, str] | None:
        with self._changed:
            assert self._changed.wait_for(lambda: self._next() in (me, None), 60)
            if me in self.order:
                self.order.remove(me)
            result = getattr(self._board, method)(*arguments)
            self._changed.notify_all()
            return result

    def end(self, me: int) -> None:
        with self._changed:
            self.ended.add(me)
            self._changed.notify_all()


class View:
    def __init__(self, turns: InTurn, me: int) -> None:
        self._turns, self._me, self._is_first = turns, me, True

    def read(self) -> Mapping[str, str]:
        if self._is_first:  # Which only connects.
            self._is_first = False
            return {}
        found = self._turns.call(self._me, "read")
        assert found is not None
        return found

    def write(self, owner: str, text: str) -> None:
        self._turns.call(self._me, "write", owner, text)

    def remove(self, owner: str) -> None:
        self._turns.call(self._me, "remove", owner)


def claims_on(board, scope: str, **timing: float) -> TagClaims:
    return TagClaims("http://host", lambda: scope, board=board, **{"beat": 60.0, **timing})


def held_after(order: list[int], knows: bool) -> list[bool]:
    """Whether each of two owners gets a name, if the board answers them in this order."""
    board = Registers()
    turns = InTurn(board, order)
    owners = [claims_on(turns.view(me), str(me)) for me in (0, 1)]
    if knows:  # They have seen the name claimed, and read before they write.
        for owner in owners:
            owner._elsewhere = {"name"}
    answers = [False, False]

    def take(me: int) -> None:
        answers[me] = owners[me].take("name")
        turns.end(me)

    threads = [Thread(target=take, args=[me]) for me in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    turns.order.clear()
    for owner in owners:
        owner.close()
    assert not board, "an owner that ends leaves no tag"
    return answers


@pytest.mark.parametrize("knows", [False, True])
def test_in_whatever_order_a_server_answers_two_sweeps_at_most_one_gets_a_claim(
    knows: bool,
) -> None:
    found = set()
    for mine in combinations(range(8), 4):  # Read, write, read, and write again to give way.
        order = [0 if place in mine else 1 for place in range(8)]
        found.add(tuple(held_after(order, knows)))
    assert found == {(True, False), (False, True), (False, False)}


def test_a_claim_is_free_again_when_its_owner_releases_it_ends_or_is_silent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(claims_module, "_FRESH_SECONDS", 0.05)
    board = Registers()
    first, second = (claims_on(board, scope) for scope in "ab")
    assert first.take("name")
    assert not second.take("name")
    assert second.take("other")
    first.release("name")
    wait_for(lambda: second.take("name"), 60)
    assert not first.take("name")
    second.close()
    wait_for(lambda: first.take("name"), 60)  # It has ended.
    first.close()
    board["killed"] = '[7, "c", ["name"]]'
    third = claims_on(board, "d", lease=0.3)
    began = time.monotonic()
    assert not third.take("name")
    wait_for(lambda: third.take("name"), 60)
    assert time.monotonic() - began >= 0.3
    assert "killed" not in board
    third.close()


def test_whether_a_claim_is_free_is_found_by_looking_only() -> None:
    board = Registers()
    board["killed"] = '[7, "a", ["name"]]'
    claims = claims_on(board, "a")
    assert not claims.is_free("name"), "of whichever machine"
    assert claims.is_free("other")
    assert list(board) == ["killed"]


def test_an_owner_that_gives_signs_of_life_keeps_its_claims() -> None:
    board = Registers()
    first = claims_on(board, "a", beat=0.02)
    second = claims_on(board, "b", beat=0.02, lease=1.5)
    assert first.take("name")
    end = time.monotonic() + 2
    while time.monotonic() < end:
        assert not second.take("name")
        time.sleep(0.1)
    first.close()
    wait_for(lambda: second.take("name"), 60)
    second.close()


def test_many_runs_that_wait_for_another_machine_ask_the_server_once_a_second() -> None:
    class Counting(Registers):
        reads = 0

        def read(self) -> Mapping[str, str]:
            self.reads += 1
            return super().read()

    board = Counting()
    names = [str(number) for number in range(50)]
    first, second = (claims_on(board, scope) for scope in "ab")
    assert all(map(first.take, names))
    assert not second.take(names[0])
    board.reads, began = 0, time.monotonic()
    assert not any(map(second.take, names * 2))
    assert board.reads <= 1 + time.monotonic() - began
    first.close()
    second.close()


def test_files_decide_between_sweeps_of_a_machine_also_after_one_was_killed() -> None:
    board = Registers()
    board["killed"] = '[7, "mine", ["name"]]'
    board["strange"] = "of another program"
    claims = claims_on(board, "mine")
    assert claims.take("name")
    claims.close()


def test_claims_are_published_again_after_the_server_was_away_unless_they_are_taken() -> None:
    board = Registers()
    first = claims_on(board, "a", beat=0.05, lease=0.3)
    assert first.take("kept")
    assert first.take("lost")
    board.is_away = True
    with pytest.raises(StoreError):
        first.take("other")
    time.sleep(0.4)
    board.clear()
    board["x"] = '[1, "x", ["lost"]]'
    board.is_away = False

    def published() -> list[str]:
        return [text for owner, text in board.items() if owner != "x"]

    wait_for(lambda: any("kept" in text and "lost" not in text for text in published()), 60)
    wait_for(lambda: first.take("other"), 60)
    first.close()
    assert list(board) in (["x"], [])


def test_a_server_that_does_not_answer_at_the_start_is_an_error() -> None:
    board = Registers()
    board.is_away = True
    with pytest.raises(StoreError, match="does not answer"):
        claims_on(board, "a").take("name")


def test_a_server_that_hangs_keeps_the_sweep_for_seconds_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(claims_module, "_PATIENCE_SECONDS", 0.2)
    answers = Event()
    answers.set()

    class Hanging(Registers):
        def write(self, owner: str, text: str) -> None:
            answers.wait(60)
            super().write(owner, text)

    board = Hanging()
    first = claims_on(board, "a")
    assert first.take("early")
    answers.clear()
    for _ in range(100):
        with pytest.raises(StoreError, match="does not answer"):
            first.take("late")
    answers.set()
    wait_for(lambda: "early" in str(board) and "late" not in str(board), 60)
    monkeypatch.setattr(claims_module, "_PATIENCE_SECONDS", 600)
    answers.clear()
    SharedClaims(FileClaims(Path()), first).hurry()
    with pytest.raises(StoreError, match="does not answer"):
        first.take("interrupted")
    answers.set()
    wait_for(lambda: "early" in str(board) and "late" not in str(board), 60)
    first.close()


def test_an_unexpected_error_of_the_thread_ends_the_sweep_and_not_its_claims() -> None:
    class Faulty(Registers):
        is_faulty = False

        def read(self) -> Mapping[str, str]:
            return dict(self)["missing"] if self.is_faulty else super().read()

    board = Faulty()
    claims = claims_on(board, "a", beat=0.02)
    assert claims.take("kept")
    board.is_faulty = True
    wait_for(lambda: claims._failure is not None, 60)
    with pytest.raises(KeyError, match="missing"):
        claims.take("other")
    board.is_faulty = False
    wait_for(lambda: claims._failure is None, 60)
    assert "kept" in str(board)
    assert claims.take("other")
    claims.close()


def test_a_sweep_that_may_not_claim_is_warned_once_and_trains_but_nothing_is_cleaned(
    tmp_path: Path,
) -> None:
    class Forbidden(Registers):
        def write(self, owner: str, text: str) -> None:
            raise DeniedError("Permission denied")

    remote = claims_on(Forbidden(), "a")
    claims, messages = SharedClaims(FileClaims(tmp_path), remote), []
    with pytest.raises(DeniedError):
        claims.take("name")
    claims.warn = messages.append
    assert claims.take("name")
    assert claims.take("other")
    (message,) = messages
    assert "may be trained twice" in message
    claims.close()


def test_an_owner_never_writes_more_than_a_tag_may_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims_module, "_MOST_NAMES", 2)
    claims = claims_on(Registers(), "a")
    assert [claims.take(name) for name in "abc"] == [True, True, False]
    claims.close()
