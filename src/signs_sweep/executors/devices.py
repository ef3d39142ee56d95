"""Where workers train: on graphics processors where there are some, else on the cores."""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

_VISIBLE = "CUDA_VISIBLE_DEVICES"
_DEVICE = re.compile(r"nvidia(\d+)")


def default_workers() -> int:
    """Return the number of cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def find_gpus(environment: Mapping[str, str], devices: Path = Path("/dev")) -> tuple[str, ...]:
    """Return the graphics processors that may be used, as CUDA names them.

    Found without TensorFlow, which the orchestrator does not load.

    Args:
        environment: its `CUDA_VISIBLE_DEVICES`, where set, says which ones; empty or -1 for none.
        devices: folder of the devices, where NVIDIA's driver has a file for each.
    """
    if _VISIBLE in environment:
        named = [name.strip() for name in environment[_VISIBLE].split(",")]
        # CUDA stops at the first name that is none.
        stop = next((i for i, name in enumerate(named) if name in ("", "-1")), len(named))
        return tuple(named[:stop])
    try:
        found = [_DEVICE.fullmatch(file.name) for file in devices.iterdir()]
    except OSError:
        return ()
    return tuple(sorted((one.group(1) for one in found if one), key=int))


def choose_devices(
    workers: int | None, gpus: Sequence[str], workers_per_gpu: int
) -> list[str | None]:
    """Return for each worker the graphics processor it trains on, or None for a core.

    Args:
        workers: how many, or None for as many as fit.
        gpus: the graphics processors.
        workers_per_gpu: how many fit on one of them.
    """
    if not gpus:
        return [None] * (default_workers() if workers is None else workers)
    places = [gpu for _ in range(workers_per_gpu) for gpu in gpus]
    amount = len(places) if workers is None else workers
    return [places[number % len(places)] for number in range(amount)]


def on_device(environment: Mapping[str, str], gpu: str | None) -> dict[str, str]:
    """Return environment variables of a process that sees one graphics processor, or none."""
    return {**environment, _VISIBLE: "-1" if gpu is None else gpu}
