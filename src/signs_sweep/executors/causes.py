"""Why a worker died or could not start: what exit code, printed words and kernel say of it."""

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
        "the limit of open files or processes is reached: use fewer workers with --workers N, or "
        "raise the limit with `ulimit`"
    ),
    "No space left on device|Disk quota exceeded": "the disk is full: free some space",
    "error while loading shared libraries|cannot open shared object file|undefined symbol": (
        "a library that a package needs is missing or does not fit: install the packages again"
    ),
    "ModuleNotFoundError|No module named": (
        "a package is missing where workers look: install it for the Python that runs this command"
    ),
}
"""What a text says, and what to do; the first that fits counts."""

_REMARK = re.compile(
    r"[IW]\d{4} |\d{4}-\d\d-\d\d [\d:.]+: [IW] |WARNING: All log messages before absl"
)
"""What TensorFlow prints about itself at every start."""

_SIGNALS = frozenset(one.value for one in signal.Signals)
_BY_SIGNAL: Mapping[int, str] = {
    signal.SIGILL: "the processor lacks instructions that a library needs, such as AVX",
    signal.SIGXCPU: "its limit of processor time is reached: see `ulimit -t`",
    signal.SIGXFSZ: "a file has become larger than its limit: see `ulimit -f`",
}


def hint(text: str) -> str:
    """Return what a text means and what to do, as a sentence after a space; empty if unknown."""
    return next(
        (_sentence(words) for pattern, words in _HINTS.items() if re.search(pattern, text)), ""
    )


def cause_of_death(code: int, printed: str, *, is_out_of_memory: bool) -> str:
    """Say how a worker ended and what to do, with the last lines that it printed.

    Args:
        code: exit code as `subprocess` gives it.
        printed: what it printed.
        is_out_of_memory: whether the kernel has ended a process for want of memory meanwhile.
    """
    words = "\n".join(_lines(printed))
    if code >= 0:
        cause = f"its worker process ended by itself with exit code {code}"
        advice = hint(words)
    else:
        number = -code
        name = signal.Signals(number).name if number in _SIGNALS else f"signal {number}"
        cause = f"its worker process was killed ({name})"
        is_starved = number == signal.SIGKILL and is_out_of_memory
        advice = _sentence(_NO_MEMORY) if is_starved else hint(words)
        if not advice and number in _BY_SIGNAL:
            advice = _sentence(_BY_SIGNAL[number])
        if number in (signal.SIGSEGV, signal.SIGABRT) and not advice and _is_memory_limited():
            advice = _sentence("`ulimit -v` limits its memory, which may be too little")
        if number == signal.SIGKILL and not advice:
            cause += ", by someone or because memory ran out"
    return f"{cause}.{advice}{_last_lines(printed)}"


def cannot_start(error: OSError, worker: int) -> UsageError:
    """Return the error for a worker process that the system does not let begin.

    Args:
        error: what the system says.
        worker: index of the worker.
    """
    reason = error.strerror or str(error)
    advice = {
        errno.ENOMEM: _NO_MEMORY,
        errno.ENOENT: "name a folder for temporary files with TMPDIR",
        errno.ENOSPC: "free some space, or name another folder for temporary files with TMPDIR",
    }.get(error.errno or 0)
    words = hint(reason) if advice is None else _sentence(advice)
    return UsageError(f"cannot start worker {worker + 1}: {reason}.{words}")


def memory_kills() -> int:
    """Return how many processes the kernel has ended for want of memory, as far as it says.

    Of this process's control group where there is one, else of the machine; 0 where there is no
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


def _sentence(words: str) -> str:
    return f" {words[0].upper()}{words[1:]}."


def _lines(printed: str) -> list[str]:
    """Return the lines that were printed, without TensorFlow's remarks about itself."""
    shown = "".join(one if one.isprintable() or one == "\n" else "\ufffd" for one in printed)
    lines = [line.strip("\ufffd ") for line in shown.splitlines()]
    return [line for line in lines if line and not _REMARK.match(line)]


def _last_lines(printed: str) -> str:
    words = " / ".join(_lines(printed)[-_LAST_LINES:])
    if not words:
        return ""
    cut = words if len(words) <= _LAST_CHARACTERS else f"... {words[-_LAST_CHARACTERS:]}"
    return f' It printed last: "{cut}".'


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError:
        return ""
