"""The settings of TensorFlow that speed and the bits of a result depend on."""

import os
import platform
import sys
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.metadata import version
from pathlib import Path

_XLA_FLAGS = {
    "xla_cpu_prefer_vector_width": "512",
    "xla_cpu_enable_concurrency_optimized_scheduler": "false",
    "xla_cpu_copy_insertion_use_region_analysis": "true",
}
"""Switches of XLA that make training faster.

The first, for processors with 512-bit vectors, brings 5 %. The others bring 7 %: with one thread
there is no concurrency to optimise for, and the kernels are not copied in every step any more.
"""

_KNOWS_ALL_FLAGS = ("2.20.", "2.21.")
"""Versions of TensorFlow that have all of them: XLA ends the process on an unknown one."""

_NOT_NEEDED = ("matplotlib", "pandas", "pyarrow", "sklearn")
"""What Keras imports where it is installed, for uses that are not ours.

Measured: 2.9 s instead of 5.1 s to import TensorFlow, and 145 MiB less.
"""

_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)
"""The environment variables that say how many threads a library may start."""


@cache
def processor() -> tuple[str, frozenset[str]]:
    """Return the name of the processor and its instruction sets (empty where unknown)."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine(), frozenset()
    fields = dict(line.split(":", 1) for line in reversed(lines) if ":" in line)
    found = {key.strip(): value.strip() for key, value in fields.items()}
    return found.get("model name", platform.machine()), frozenset(found.get("flags", "").split())


def training_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment variables of a process that trains, from those of this one.

    One thread a worker: two workers on two cores then never compete, and sums are always added in
    the same order. They must be set before TensorFlow is imported.
    """
    result = dict(environment)
    result |= dict.fromkeys(_THREADS, "1") | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    own = result.get("XLA_FLAGS", "")
    flags = [f"--{name}={value}" for name, value in _xla_flags().items() if name not in own]
    if flags:
        result["XLA_FLAGS"] = " ".join([own, *flags]).strip()
    return result


def _xla_flags() -> dict[str, str]:
    wide, *others = _XLA_FLAGS
    names = [wide] if "avx512f" in processor()[1] else []
    if version("tensorflow").startswith(_KNOWS_ALL_FLAGS):
        names += others
    return {name: _XLA_FLAGS[name] for name in names}


def prepare(
    environment: MutableMapping[str, str] | None = None, *, is_worker: bool = False
) -> None:
    """Set TensorFlow up for training in this process: one thread, and quiet.

    A process that has used TensorFlow before keeps its threads, which TensorFlow does not let us
    change any more.

    Args:
        environment: where to set environment variables; those of this process by default.
        is_worker: whether nobody but us imports anything here now. Packages that Keras would import
            for uses that are not ours are left out then.
    """
    target = os.environ if environment is None else environment
    target.update(training_environment(target))
    with _without(_NOT_NEEDED if is_worker else ()):
        import tensorflow as tf

    try:
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        for gpu in tf.config.list_physical_devices("GPU"):
            # Several workers can then share one; by default the first takes all of its memory.
            tf.config.experimental.set_memory_growth(gpu, enable=True)
    except RuntimeError:
        return


@contextmanager
def _without(packages: Sequence[str]) -> Iterator[None]:
    """Let imports of some packages fail meanwhile, unless they are there already."""
    hidden = [name for name in packages if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # Python's way to say "not to be found"
    try:
        yield
    finally:
        for name in hidden:
            sys.modules.pop(name, None)


def _device() -> str:
    """Return the name of the graphics processor that TensorFlow uses, or `CPU`."""
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return "CPU"
    details = tf.config.experimental.get_device_details(gpus[0])
    return str(details.get("device_name", "GPU"))


def describe() -> dict[str, str]:
    """Return what the bits of a result depend on beside the run, for the record."""
    name, flags = processor()
    vectors = next((v for v in ("avx512f", "avx2", "avx") if v in flags), "baseline")
    return {
        "python": platform.python_version(),
        "tensorflow": version("tensorflow"),
        "keras": version("keras"),
        "numpy": version("numpy"),
        "signs-sweep": version("signs-sweep"),
        "platform": f"{platform.system()} {platform.machine()}",
        "processor": name,
        "vectors": vectors,
        "device": _device(),
        "xla_flags": os.environ.get("XLA_FLAGS", ""),
    }
