"""Why a worker died or could not start, from its exit code, its output and the kernel."""

import errno
import re
import resource
import signal
from collections.abc import Mapping
from pathlib import Path

from signs_sweep.errors import UsageError

_LAST_LINES = 5
_LAST_CHARACTERS = 500

_NO_MEMORY = "memory ran out: use fewer workers with --workers N, or a smaller network or batch"
_HINTS = {
    "MemoryError|bad_alloc|Cannot allocate memory|RESOURCE_EXHAUSTED|ResourceExhausted"
    "|[Oo]ut of memory|OOM when allocating|failed to map segment": _NO_MEMORY,
    "Too many open files|can't start new thread|pthread_create|Resource temporarily unavailable": (
        "the limit on open files or processes is reached: use fewer workers with --workers N, or "
        "raise the limit with `ulimit`"
    ),
    "No space left on device|Disk quota exceeded": "the disk is full: free some space",
    "error while loading shared libraries|cannot open shared object file|undefined symbol": (
        "a library that a package needs is missing or incompatible: install the packages again"
    ),
    "ModuleNotFoundError|No module named": (
        "a package is missing in the workers: install it for the Python that runs them"
    ),
}
"""By pattern of an error text, its meaning and what to do; the first match counts."""

_REMARK = re.compile(
    r"[IW]\d{4} |\d{4}-\d\d-\d\d [\d:.]+: [IW] |WARNING: All log messages before absl"
)
"""What TensorFlow logs at every start."""

_SIGNALS = frozenset(number.value for number in signal.Signals)
_BY_SIGNAL: Mapping[int, str] = {
    signal.SIGILL: "the processor lacks instructions that a library needs, such as AVX",
    signal.SIGXCPU: "it reached its limit on CPU time: see `ulimit -t`",
    signal.SIGXFSZ: "it reached the limit on the size of a file: see `ulimit -f`",
}


def hint(text: str) -> str:
    """Return the meaning of an error text and what to do: a space and a sentence, or nothing."""
    return next(
        (_sentence(advice) for pattern, advice in _HINTS.items() if re.search(pattern, text)), ""
    )


def cause_of_death(code: int, printed: str, *, is_out_of_memory: bool) -> str:
    """Return how a worker ended and what to do, with the last lines of its output.

    Args:
        code: exit code, as `subprocess` returns it.
        printed: its output.
        is_out_of_memory: whether the kernel has killed a process meanwhile because memory ran out.
    """
    output = "\n".join(_lines(printed))
    if code >= 0:
        cause = f"its worker process exited with code {code}"
        advice = hint(output)
    else:
        number = -code
        name = signal.Signals(number).name if number in _SIGNALS else f"signal {number}"
        cause = f"its worker process was killed ({name})"
        is_starved = number == signal.SIGKILL and is_out_of_memory
        advice = _sentence(_NO_MEMORY) if is_starved else hint(output)
        if not advice and number in _BY_SIGNAL:
            advice = _sentence(_BY_SIGNAL[number])
        if number in (signal.SIGSEGV, signal.SIGABRT) and not advice and _is_memory_limited():
            advice = _sentence("its memory is limited by `ulimit -v`, perhaps too tightly")
        if number == signal.SIGKILL and not advice:
            cause += ", by a user or because memory ran out"
    return f"{cause}.{advice}{_last_lines(printed)}"


def cannot_start(error: OSError, worker: int) -> UsageError:
    """Return the error for a worker process, given by its index, that the system cannot start."""
    reason = error.strerror or str(error)
    advice = {
        errno.ENOMEM: _NO_MEMORY,
        errno.ENOENT: "set TMPDIR to a folder for temporary files",
        errno.ENOSPC: "free some space, or set TMPDIR to another folder for temporary files",
    }.get(error.errno or 0)
    sentence = hint(reason) if advice is None else _sentence(advice)
    return UsageError(f"cannot start worker {worker + 1}: {reason}.{sentence}")


def memory_kills() -> int:
    """Return how many processes the kernel has killed because memory ran out, if it counts them.

    Counts this process's control group if it has one, else the machine; 0 on other systems than
    Linux.
    """
    group = _read(Path("/proc/self/cgroup")).partition("0::/")[2].partition("\n")[0]
    for file in (
        Path("/sys/fs/cgroup", group, "memory.events"),
        Path("/sys/fs/cgroup/memory.events"),
        Path("/proc/vmstat"),
    ):
        if found := re.search(r"^oom_kill (\d+)", _read(file), re.MULTILINE):
            return int(found[1])
    return 0


def _is_memory_limited() -> bool:
    return resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY


def _sentence(text: str) -> str:
    return f" {text[0].upper()}{text[1:]}."


def _lines(printed: str) -> list[str]:
    """Return the lines of an output, without TensorFlow's log messages at its start."""
    shown = "".join(c if c.isprintable() or c == "\n" else "\ufffd" for c in printed)
    lines = [line.strip("\ufffd ") for line in shown.splitlines()]
    return [line for line in lines if line and not _REMARK.match(line)]


def _last_lines(printed: str) -> str:
    text = " / ".join(_lines(printed)[-_LAST_LINES:])
    if not text:
        return ""
    cut = text if len(text) <= _LAST_CHARACTERS else f"... {text[-_LAST_CHARACTERS:]}"
    return f' Its last output: "{cut}".'


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError:
        return ""
