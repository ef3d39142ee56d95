"""Where workers train: on GPUs if there are any, else on CPU cores."""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

_VISIBLE = "CUDA_VISIBLE_DEVICES"
_DEVICE = re.compile(r"nvidia(\d+)")


def default_workers() -> int:
    """Return the number of CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def find_gpus(environment: Mapping[str, str], devices: Path = Path("/dev")) -> tuple[str, ...]:
    """Return the GPUs that may be used, as CUDA names them.

    Does not need TensorFlow, which the orchestrator does not load.

    Args:
        environment: its `CUDA_VISIBLE_DEVICES`, if set, lists the GPUs; empty or -1 for none.
        devices: folder of device files, where NVIDIA's driver has a file for each GPU.
    """
    if _VISIBLE in environment:
        named = [name.strip() for name in environment[_VISIBLE].split(",")]
        # CUDA ignores everything from the first invalid name on.
        stop = next((i for i, name in enumerate(named) if name in ("", "-1")), len(named))
        return tuple(named[:stop])
    try:
        matches = [_DEVICE.fullmatch(file.name) for file in devices.iterdir()]
    except OSError:
        return ()
    return tuple(sorted((match.group(1) for match in matches if match), key=int))


def choose_devices(
    workers: int | None, gpus: Sequence[str], workers_per_gpu: int
) -> list[str | None]:
    """Return for each worker the GPU that it trains on, or None for a CPU core.

    With `workers` None, there are `workers_per_gpu` workers on each GPU, or one for each core.
    """
    if not gpus:
        return [None] * (default_workers() if workers is None else workers)
    places = [gpu for _ in range(workers_per_gpu) for gpu in gpus]
    amount = len(places) if workers is None else workers
    return [places[number % len(places)] for number in range(amount)]


def on_device(environment: Mapping[str, str], gpu: str | None) -> dict[str, str]:
    """Return the environment variables of a process that sees the given GPU, or no GPU."""
    return {**environment, _VISIBLE: "-1" if gpu is None else gpu}


def gpu_of(environment: Mapping[str, str]) -> str | None:
    """Return the first GPU that a process with these environment variables sees, or None."""
    return next(iter(find_gpus(environment)), None)
