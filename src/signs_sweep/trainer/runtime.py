"""The settings of TensorFlow that the speed and the bits of a result depend on."""

import os
import platform
import sys
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version

from signs_sweep.process.processor import CPU, processor, vectors

_XLA_FLAGS = {
    "xla_cpu_prefer_vector_width": "512",
    "xla_cpu_enable_concurrency_optimized_scheduler": "false",
    "xla_cpu_copy_insertion_use_region_analysis": "true",
}
"""XLA flags that make training faster.

The first, for processors with 512-bit vectors, gains 5 %. The others gain 7 %: with one thread
there is no concurrency to optimise for, and the kernels are no longer copied in every step.
"""

_KNOWS_ALL_FLAGS = ("2.20.", "2.21.")
"""Versions of TensorFlow that have all flags: XLA aborts the process on an unknown flag."""

_NOT_NEEDED = ("matplotlib", "pandas", "pyarrow", "sklearn")
"""Packages that Keras imports if they are installed, for features that training does not use.

Measured: importing TensorFlow without them takes 2.9 s instead of 5.1 s, and 145 MiB less.
"""

_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)
"""The environment variables that limit the threads of libraries."""


def training_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment variables of a process that trains, given those of this process.

    One thread per worker: two workers on two cores then never compete, and sums are always added in
    the same order. The variables must be set before TensorFlow is imported.
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
    """Set up TensorFlow for training in this process: one thread, and quiet.

    A process that has already used TensorFlow keeps its threads: TensorFlow no longer allows a
    change then.

    Args:
        environment: where to set environment variables; by default, those of this process.
        is_worker: whether the process only trains. Keras is then imported without the packages that
            training does not need.
    """
    target = os.environ if environment is None else environment
    target.update(training_environment(target))
    with _without(_NOT_NEEDED if is_worker else ()):
        import tensorflow as tf

    try:
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        for gpu in tf.config.list_physical_devices("GPU"):
            # Several workers can then share a GPU; by default the first takes all of its memory.
            tf.config.experimental.set_memory_growth(gpu, enable=True)
    except RuntimeError:
        return


@contextmanager
def _without(packages: Sequence[str]) -> Iterator[None]:
    """Make imports of packages fail in the meantime, unless they are already imported."""
    hidden = [name for name in packages if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # makes Python's import fail
    try:
        yield
    finally:
        for name in hidden:
            sys.modules.pop(name, None)


def _device() -> str:
    """Return the name of the GPU that TensorFlow uses, or `CPU`."""
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return CPU
    details = tf.config.experimental.get_device_details(gpus[0])
    return str(details.get("device_name", "GPU"))


def describe() -> dict[str, str]:
    """Return what the bits of a result depend on besides the run, for the record."""
    return {
        "python": platform.python_version(),
        "tensorflow": version("tensorflow"),
        "keras": version("keras"),
        "numpy": version("numpy"),
        "signs-sweep": version("signs-sweep"),
        "platform": f"{platform.system()} {platform.machine()}",
        "processor": processor()[0],
        "vectors": vectors(),
        "device": _device(),
        "xla_flags": os.environ.get("XLA_FLAGS", ""),
    }
