"""The agent of a node, without Ray: it relays runs, and reports their events until confirmed."""

import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import toys

from signs_sweep.domain import Checkpoint, Event, Failed, Finished, Progress, Run, Started, Stopped
from signs_sweep.executors.attempt import Task
from signs_sweep.executors.cluster import Crew, agent, travelling
from signs_sweep.executors.cluster.agent import Agent
from signs_sweep.executors.cluster.messages import Assignment, Report, Stop

pytestmark = pytest.mark.slow

MakeAgent = Callable[..., Agent]


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def make_agent(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeAgent]:
    monkeypatch.setenv("PYTHONPATH", toys.worker_environment()["PYTHONPATH"])
    monkeypatch.setattr(agent, "_LONGEST_POLL", 0.5)
    made: list[Agent] = []

    def make(indexes: tuple[int, ...] = (4,), make_trainer: Callable = toys.ToyTrainer) -> Agent:
        made.append(Agent(pickle.dumps(Crew(make_trainer, dict)), indexes, "here", uses_gpus=False))
        return made[-1]

    yield make
    for each in made:
        if temporary in each._folder.parents and each._thread.is_alive():
            each.close()


def assignment(run: Run, attempt: int = 1, checkpoint: bytes | None = None) -> Assignment:
    return Assignment(run.run_id, attempt, pickle.dumps(Task(run, checkpoint)))


def polled(made: Agent, confirmed: int) -> list[Report]:
    return made.poll(confirmed)[0]


def event_of(report: Report) -> Event:
    return pickle.loads(report.event)


def reports_until(
    made: Agent, is_enough: Callable[[Report], bool], confirmed: int = 0
) -> list[Report]:
    """Poll, confirming what was received, until a report is enough."""
    received: list[Report] = []
    end = time.monotonic() + toys.PATIENCE
    while not any(map(is_enough, received)):
        assert time.monotonic() < end, received
        received += polled(made, received[-1].number if received else confirmed)
    return received


def reports_until_end(made: Agent, confirmed: int = 0) -> list[Report]:
    return reports_until(made, lambda report: report.is_end, confirmed)


def test_reports_are_numbered_and_have_the_attempt_and_the_index_among_all_workers(
    make_agent: MakeAgent,
) -> None:
    made, run = make_agent(), toys.toy_run("quick", epochs=2)
    made.assign(assignment(run, attempt=7))
    reports = reports_until_end(made)
    events = [event_of(report) for report in reports]
    assert [type(event) for event in events] == [Started, Progress, Progress, Finished]
    assert [report.number for report in reports] == [1, 2, 3, 4]
    assert [report.is_end for report in reports] == [False, False, False, True]
    assert {(report.run_id, report.attempt) for report in reports} == {(run.run_id, 7)}
    assert events[0].worker == 4


def test_reports_are_repeated_until_they_are_confirmed(make_agent: MakeAgent) -> None:
    made = make_agent()
    made.assign(assignment(toys.toy_run("quick", epochs=1)))
    while not (reports := polled(made, 0)) or not reports[-1].is_end:
        continue
    assert polled(made, 0) == reports
    assert polled(made, 1) == reports[1:] == polled(made, 1)
    assert polled(made, 2) == reports[2:]
    assert polled(made, 3) == []


def test_an_assignment_that_is_repeated_is_trained_once(make_agent: MakeAgent) -> None:
    made, run = make_agent(), toys.toy_run("quick", epochs=1)
    for attempt in (2, 2, 1):
        made.assign(assignment(run, attempt))
    last = reports_until_end(made)[-1].number
    made.assign(assignment(run, 2))
    assert polled(made, last) == []
    made.assign(assignment(run, 3))
    assert {report.attempt for report in reports_until_end(made, last)} == {3}


def test_a_stop_before_its_assignment_stops_that_attempt_and_no_later_one(
    make_agent: MakeAgent,
) -> None:
    made, run = make_agent(), toys.toy_run("slow", epochs=50)
    made.stop(Stop(run.run_id, 1))
    made.assign(assignment(run, 1))
    reports = reports_until_end(made)
    assert isinstance(event_of(reports[-1]), Stopped)
    made.stop(Stop(run.run_id, 1))
    made.assign(assignment(run, 2))
    assert isinstance(event_of(reports_until_end(made, reports[-1].number)[-1]), Finished)


def test_a_run_whose_worker_dies_fails_and_comes_back_to_the_same_agent(
    make_agent: MakeAgent,
) -> None:
    made, run = make_agent(), toys.toy_run("kill")
    made.assign(assignment(run, 1))
    reports = reports_until_end(made)
    assert event_of(reports[-1]).is_crash
    assert "was killed" in reports[-1].failure
    assert {report.has_trained for report in reports[1:]} == {True}
    made.assign(assignment(run, 2, checkpoint=b"3"))
    events = [event_of(report) for report in reports_until_end(made, reports[-1].number)]
    assert [type(event) for event in events] == [Started, Finished]


def test_a_worker_that_cannot_be_started_fails_its_run(
    make_agent: MakeAgent, temporary: Path
) -> None:
    made = make_agent()
    tempfile.tempdir = str(temporary / "none")  # Where a worker's output goes.
    made.assign(assignment(toys.toy_run("quick")))
    (report,) = reports_until_end(made)
    failed = event_of(report)
    assert isinstance(failed, Failed)
    assert failed.is_crash
    assert not report.has_trained
    assert failed.message == f"on here: {report.failure}"
    assert "cannot start worker 1: No such file or directory." in failed.message


def test_files_are_in_the_current_folder_of_the_workers(make_agent: MakeAgent) -> None:
    made = make_agent(make_trainer=toys.ReadingTrainer)
    made.unpack([Path("a/note"), Path("b")], b"content", b"")
    made.assign(assignment(toys.toy_run("quick", epochs=1)))
    assert event_of(reports_until_end(made)[0]).environment["note"] == "content"


def test_a_file_that_is_missing_on_the_node_is_an_error_that_says_what_is_sent(
    make_agent: MakeAgent,
) -> None:
    made = make_agent(make_trainer=toys.ReadingTrainer)
    made.assign(assignment(toys.toy_run("quick", epochs=1)))
    failed = event_of(reports_until_end(made)[-1])
    assert failed.message.startswith("on here: FileNotFoundError: ")
    assert failed.message.endswith("are not sent to the nodes, only modules.")


def test_workers_wait_while_too_much_is_not_confirmed(
    make_agent: MakeAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent, "_MOST_WAITING", 3000)
    monkeypatch.setattr(agent, "_MOST_AT_ONCE", 1000)
    made, run = make_agent(), toys.toy_run("slow", epochs=100_000)
    made.assign(assignment(run))
    before = reports_until(made, lambda report: isinstance(event_of(report), Progress))
    time.sleep(1)
    kept = sum(len(report.event) for report in made._reports)
    assert kept < 5000, "a bridge that is away does not fill the memory"
    assert sum(len(report.event) for report in polled(made, 0)) < 1000
    made.stop(Stop(run.run_id, 1))
    events = [event_of(each) for each in before + reports_until_end(made, before[-1].number)]
    assert isinstance(events[-1], Stopped)
    epochs = [event.first_epoch for event in events[1:-1]]
    assert epochs == list(range(1, len(epochs) + 1))


def test_close_leaves_no_process_and_no_folder(make_agent: MakeAgent, temporary: Path) -> None:
    made = make_agent((0, 1))
    pids = []
    for seed in range(2):
        made.assign(assignment(toys.toy_run("slow", epochs=100_000, seed=seed)))
    reports = []
    while len(pids) < 2:
        reports += polled(made, reports[-1].number if reports else 0)
        started = [event for event in map(event_of, reports) if isinstance(event, Started)]
        pids = [int(event.environment["pid"]) for event in started]
    made.close()
    assert not any(map(toys.is_alive, pids))
    assert list(temporary.iterdir()) == []


def test_workers_have_the_variables_of_the_orchestrator_that_bits_depend_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    names = ("TF_FIRST", "XLA_FIRST", "KERAS_FIRST", "NVIDIA_TF32_OVERRIDE", "RAY_AUTH_TOKEN")
    for name in names:
        monkeypatch.setenv(name, "of the node")
    sent = travelling({"TF_FIRST": "sent", "NVIDIA_TF32_OVERRIDE": "sent", "HOME": "private"})
    executor = Crew(toys.ToyTrainer, dict, sent).start(1, (), tmp_path, None)
    (environment,) = executor.environments
    assert {name: environment.get(name) for name in names} == {**dict.fromkeys(names), **sent}
    assert environment["HOME"] != "private"


KILLED = """
import os, pickle, signal, sys, toys
from signs_sweep.executors.cluster import Crew
from signs_sweep.executors.cluster.agent import Agent
agent = Agent(pickle.dumps(Crew(toys.ToyTrainer, dict)), [0], "here", uses_gpus=False)
print(agent._folder, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_agent_leaves_is_removed_and_what_lives_is_not(
    make_agent: MakeAgent, temporary: Path
) -> None:
    environment = toys.worker_environment() | {"TMPDIR": str(temporary)}
    done = subprocess.run(
        [sys.executable, "-c", KILLED], env=environment, capture_output=True, text=True, check=False
    )
    left = Path(done.stdout.strip())
    assert left.is_dir(), done.stderr
    first, second = make_agent(), make_agent()
    assert not left.exists()
    assert sorted(temporary.iterdir()) == sorted([first._folder, second._folder])
    assert first._folder.stat().st_mode & 0o077 == 0, "data of users is theirs alone"


def test_an_error_of_the_agent_is_raised_after_its_last_reports(
    make_agent: MakeAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make_agent()
    made.assign(assignment(toys.toy_run("quick", epochs=1)))
    last = reports_until_end(made)[-1].number
    made._do(lambda: 1 / 0)
    made._thread.join()
    assert polled(made, last - 1)[-1].number == last
    with pytest.raises(ZeroDivisionError):
        polled(made, last)
    made._executor.close()


def test_a_checkpoint_of_many_megabytes_passes_unchanged(make_agent: MakeAgent) -> None:
    made = make_agent(make_trainer=toys.HeavyTrainer)
    made.assign(assignment(toys.toy_run("quick", epochs=2)))
    events = [event_of(report) for report in reports_until_end(made)]
    heavy = [event for event in events if isinstance(event, Checkpoint)]
    assert [len(event.content) for event in heavy] == [100 * 2**20] * 2
