"""Which graphics processor a worker sees."""

import os
import time
from pathlib import Path

import pytest
import toys

from signs_sweep.executors import (
    LocalExecutor,
    choose_devices,
    default_workers,
    find_gpus,
    on_device,
)


@pytest.fixture
def devices(tmp_path: Path) -> Path:
    """A machine with eleven graphics processors, and other files of the driver."""
    for number in range(11):
        (tmp_path / f"nvidia{number}").touch()
    for name in ("nvidiactl", "nvidia-uvm", "null"):
        (tmp_path / name).touch()
    return tmp_path


def test_all_that_the_driver_has_are_found_in_order(devices: Path) -> None:
    assert find_gpus({}, devices) == tuple(str(number) for number in range(11))


@pytest.mark.parametrize(
    ("visible", "found"),
    [("1,3", ("1", "3")), ("GPU-ab12", ("GPU-ab12",)), ("", ()), ("-1", ()), ("2,-1,0", ("2",))],
)
def test_what_is_visible_is_the_users_choice(
    devices: Path, visible: str, found: tuple[str, ...]
) -> None:
    assert find_gpus({"CUDA_VISIBLE_DEVICES": visible}, devices) == found


def test_a_machine_without_a_gpu_has_no_gpu(tmp_path: Path) -> None:
    assert find_gpus({}, tmp_path) == ()
    assert find_gpus({}, tmp_path / "nowhere") == ()


def test_there_is_a_worker_for_each_gpu_or_for_each_core() -> None:
    assert choose_devices(None, ["0", "1"], 1) == ["0", "1"]
    assert choose_devices(None, ["0", "1"], 2) == ["0", "1", "0", "1"]
    assert choose_devices(3, ["0", "1"], 1) == ["0", "1", "0"]
    assert choose_devices(None, [], 4) == [None] * default_workers()
    assert choose_devices(0, ["0"], 1) == []


def environment_of(pid: int) -> list[bytes]:
    """Environment variables of a process; there are none for a moment while it starts."""
    while not (content := Path(f"/proc/{pid}/environ").read_bytes()):
        time.sleep(0.01)
    return content.split(b"\0")


def test_each_worker_sees_its_own_gpu() -> None:
    environments = [on_device(toys.worker_environment(), gpu) for gpu in ("4", None)]
    executor = LocalExecutor(toys.ToyTrainer, environments)
    try:
        for seed in (0, 1):
            executor.submit(toys.toy_run("slow", seed=seed))
        seen = [environment_of(worker.child.process.pid) for worker in executor._pool]
    finally:
        executor.close()
    assert b"CUDA_VISIBLE_DEVICES=4" in seen[0]
    assert b"CUDA_VISIBLE_DEVICES=-1" in seen[1]


def test_the_given_environment_is_not_changed() -> None:
    given = dict(os.environ)
    on_device(given, "3")
    assert given == dict(os.environ)
