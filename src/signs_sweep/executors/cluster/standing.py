"""Which nodes train, and on which run after run fails."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from signs_sweep.executors.cluster.messages import Report

_AVOIDED_SECONDS = 60.0
"""How long a run that crashed on a node waits for another node."""

_MOST_FAILURES = 3
"""Runs that fail on a node before one trains an epoch there, until the node counts as failing."""

_ASIDE_SECONDS = 600.0
"""How long a failing node is set aside the first time; then twice as long each time."""


@dataclass(eq=False)
class Standing:
    """What is known of nodes, by their ids, from the reports of their agents.

    A node without the disk or the memory that runs need fails each in a moment. As its workers are
    soon free again, it would get one run after the other, and fail them all.

    Attributes:
        proven: nodes on which runs train.
    """

    proven: set[str] = field(default_factory=set)
    _failures: dict[str, dict[str, float]] = field(default_factory=dict)
    """By run_id, the nodes on which it failed, with the time of the last failure."""
    _faultless: set[str] = field(default_factory=set)
    """The runs that crashed, or that have trained somewhere: not at fault if they fail."""
    _doubts: dict[str, dict[str, str]] = field(default_factory=dict)
    """By node, why runs failed there since the last one that trained an epoch, by run_id."""
    _aside: dict[str, tuple[float, float]] = field(default_factory=dict)
    """By node, for how long and until when it is set aside."""

    def observe(self, node: str, report: Report) -> None:
        """Note what a report says about its node."""
        run_id = report.run_id
        if report.has_trained:
            self.proven.add(node)
            self._doubts.pop(node, None)
            self._aside.pop(node, None)
        if report.has_trained or (report.failure and not report.is_error):
            self._faultless.add(run_id)
        if report.failure:
            self._failures.setdefault(run_id, {})[node] = time.monotonic()
            if not report.has_trained:
                self._doubts.setdefault(node, {})[run_id] = report.failure

    def is_avoided(self, node: str, run_id: str) -> bool:
        """Whether a run has just failed on a node."""
        failed = self._failures.get(run_id, {}).get(node)
        return failed is not None and time.monotonic() - failed < _AVOIDED_SECONDS

    def failures(self, node: str) -> Mapping[str, str]:
        """Return why runs failed on a node, by run_id, if that is probably its fault; else nothing.

        A run that also failed on another node may be at fault itself, and so may one that ended
        with an error, unless it has trained on another node.
        """
        doubts = self._doubts.get(node, {})
        counted = (len(self._failures[each]) == 1 and each in self._faultless for each in doubts)
        if sum(counted) < _MOST_FAILURES:
            return {}
        self.proven.discard(node)
        return doubts

    def set_aside(self, node: str) -> float:
        """Set a node aside, to be tried again afterwards; return for how many seconds."""
        seconds = 2 * self._aside.get(node, (_ASIDE_SECONDS / 2, 0.0))[0]
        self._aside[node] = seconds, time.monotonic() + seconds
        self._doubts.pop(node, None)
        return seconds

    def is_aside(self, node: str) -> bool:
        """Whether a node is set aside."""
        return time.monotonic() < self._aside.get(node, (0.0, 0.0))[1]
