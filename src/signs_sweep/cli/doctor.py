"""`signs-sweep doctor`: checks as text that can be pasted into a bug report, or as JSON."""

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from signs_sweep.cli.streams import width_of
from signs_sweep.cli.text import fill
from signs_sweep.commands.doctor import Check, Status, examine
from signs_sweep.commands.options import DoctorFormat
from signs_sweep.errors import SignsSweepError

_WIDTH = 80
"""Columns of a text that is not written to a terminal."""


def show_checks(
    tracking_uri: str | None, data: Path | None, form: DoctorFormat, *, is_tested: bool
) -> int:
    """Write the checks to stdout as they are made; return the exit code.

    Args:
        tracking_uri: as written by the user, or None.
        data: value of `--data`, or None.
        form: the format.
        is_tested: whether to make the self-test as well.
    """
    checks: Iterable[Check] = _all(tracking_uri, data, is_tested=is_tested)
    if form is DoctorFormat.JSON:
        checks = list(checks)
        report = {
            "signs-sweep": version("signs-sweep"),
            "checks": [asdict(each) for each in checks],
        }
        print(json.dumps(report, indent=2))
        return int(any(each.status is Status.ERROR for each in checks))
    print(f"signs-sweep {version('signs-sweep')}", flush=True)
    width, numbers = width_of(sys.stdout) or _WIDTH, Counter[Status]()
    for check in checks:
        numbers[check.status] += 1
        print(fill(f"{check.status}  {check.name}: {check.found}", width, "  "))
        if check.advice:
            print(fill(f"  -> {check.advice}", width, "     "))
        sys.stdout.flush()
    print(", ".join(f"{numbers[status]} {status}" for status in Status))
    return int(numbers[Status.ERROR] > 0)


def _all(tracking_uri: str | None, data: Path | None, *, is_tested: bool) -> Iterator[Check]:
    yield from examine(tracking_uri, data)
    if not is_tested:
        return
    from signs_sweep.commands.selftest import selftest

    try:
        for check in selftest():
            yield Check(f"selftest: {check.name}", check.status, check.found, check.advice)
    except SignsSweepError as error:
        yield Check("selftest", Status.ERROR, str(error))
