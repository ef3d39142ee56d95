"""Messages about a worker that died."""

import errno
import os
import signal

import pytest

from signs_sweep.executors.causes import cannot_start, cause_of_death, hint, memory_kills


@pytest.mark.parametrize(
    ("printed", "words"),
    [
        ("x.so: failed to map segment from shared object", "Memory ran out"),
        ("2026-01-01 00:00:00.1: RESOURCE_EXHAUSTED: Out of memory allocating", "Memory ran out"),
        ("numpy.core._exceptions._ArrayMemoryError: Unable to allocate", "Memory ran out"),
        ("OSError: [Errno 28] No space left on device", "The disk is full"),
        ("python: error while loading shared libraries: libz.so.1: cannot open", "A library"),
        ("/usr/bin/python: No module named signs_sweep", "A package is missing"),
        ("RuntimeError: can't start new thread", "The limit on open files or processes"),
        ("an unknown message", ""),
    ],
)
def test_the_output_of_a_worker_decides_the_advice(printed: str, words: str) -> None:
    assert hint(printed).strip().startswith(words)
    assert bool(hint(printed)) == bool(words)
    cause = cause_of_death(127, printed, is_out_of_memory=False)
    assert cause.startswith(f"its worker process exited with code 127. {words}")
    assert cause.endswith(f'Its last output: "{printed}".')


@pytest.mark.parametrize(
    ("code", "is_out_of_memory", "words"),
    [
        (-signal.SIGKILL, False, "(SIGKILL), by a user or because memory ran out."),
        (-signal.SIGKILL, True, "(SIGKILL). Memory ran out: use fewer workers"),
        (-signal.SIGILL, False, "(SIGILL). The processor lacks instructions"),
        (-signal.SIGSEGV, False, "(SIGSEGV)."),
        (-99, False, "(signal 99)."),
        (3, False, "exited with code 3."),
    ],
)
def test_the_exit_code_decides_the_advice(code: int, is_out_of_memory: bool, words: str) -> None:
    assert words in cause_of_death(code, "", is_out_of_memory=is_out_of_memory)


def test_long_output_is_cut() -> None:
    cause = cause_of_death(
        1, "\n".join(f"{n} " + "x" * 200 for n in range(9)), is_out_of_memory=False
    )
    assert len(cause) < 600
    assert cause.endswith('x".')


def test_log_messages_of_tensorflow_are_left_out() -> None:
    remarks = (
        "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n"
        "I0000 00:00:1795559413.712644   25266 cudart_stub.cc:31] Could not find cuda drivers\n"
        "2026-01-01 10:00:00.123456: I tensorflow/core/util/port.cc:153] oneDNN is on.\n"
    )
    assert "output" not in cause_of_death(1, remarks, is_out_of_memory=False)
    cause = cause_of_death(1, f"{remarks}what matters\n{remarks}", is_out_of_memory=False)
    assert cause.endswith('Its last output: "what matters".')


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.EMFILE, "use fewer workers with --workers N"),
        (errno.EAGAIN, "use fewer workers with --workers N"),
        (errno.ENOMEM, "use fewer workers with --workers N"),
        (errno.ENOSPC, "TMPDIR"),
    ],
)
def test_a_worker_that_cannot_start_is_an_error_in_a_sentence(number: int, advice: str) -> None:
    message = str(cannot_start(OSError(number, os.strerror(number)), 2))
    assert message.startswith(f"cannot start worker 3: {os.strerror(number)}. ")
    assert advice in message


def test_processes_killed_because_memory_ran_out_are_counted() -> None:
    assert memory_kills() >= 0
