"""The kind of processor that trains: runs have the same bits on processors of one kind.

A kind is a short text, such as `AMD EPYC 7B13, avx2` or `NVIDIA H200`. Needs no TensorFlow.
"""

import platform
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

CPU = "CPU"
"""The `device` in the environment of a process that trains on no graphics processor."""

_GPUS = Path("/proc/driver/nvidia/gpus")
"""Where NVIDIA's driver describes its graphics processors, each in a file `information`."""


@cache
def processor() -> tuple[str, frozenset[str]]:
    """Return the name of the processor and its instruction sets (empty where unknown)."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine(), frozenset()
    values = _fields(reversed(lines))
    parts = [values.get(key, "") for key in ("CPU implementer", "CPU part")]  # Of ARM's.
    name = values.get("model name") or " ".join([platform.machine(), *parts]).strip()
    return name, frozenset(values.get("flags", "").split())


def vectors() -> str:
    """Return the widest vector instructions of the processor that XLA uses, or `baseline`."""
    flags = processor()[1]
    return next((name for name in ("avx512f", "avx2", "avx") if name in flags), "baseline")


def kind_of(environment: Mapping[str, str]) -> str:
    """Return the kind of processor of a process that trains, or an empty text if it is unknown.

    Args:
        environment: as in `Started`: its `processor` and `vectors`, and `device`, which is `CPU` or
            the name of a graphics processor. Trained on such a processor, the bits of a run do not
            depend on the other two.
    """
    device = environment.get("device", CPU)
    if device != CPU:
        return device
    if "processor" not in environment or "vectors" not in environment:
        return ""
    return f"{environment['processor']}, {environment['vectors']}"


def kind_here(gpu: str | None = None, gpus: Path = _GPUS) -> str:
    """Return the kind of processor on which a process of this machine would train.

    Args:
        gpu: the graphics processor that it uses, as CUDA names it (number or UUID), or None.
        gpus: folder of the descriptions of all of them.
    """
    device = CPU if gpu is None else _gpu_name(gpu, gpus)
    return kind_of({"processor": processor()[0], "vectors": vectors(), "device": device})


def _gpu_name(gpu: str, folder: Path) -> str:
    """Return the name of a graphics processor, or `GPU` if the driver does not name it."""
    names: dict[str, str] = {}
    for file in sorted(folder.glob("*/information")):
        try:
            values = _fields(file.read_text(encoding="utf-8").splitlines())
        except OSError:
            continue
        name = values.get("Model", "GPU")
        names |= {values.get(key, ""): name for key in ("Device Minor", "GPU UUID")}
    same = set(names.values())
    return same.pop() if len(same) == 1 else names.get(gpu, "GPU")


def _fields(lines: Iterable[str]) -> dict[str, str]:
    """Return the values in lines such as `key : value`; of several with a key, the last."""
    pairs = (line.split(":", 1) for line in lines if ":" in line)
    return {key.strip(): value.strip() for key, value in pairs}
