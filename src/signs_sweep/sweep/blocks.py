"""A scheduler for blocks of trials, each of which depends on the results of the earlier ones."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence

from signs_sweep.domain import Progress, Result, Trial, TrialEnd

SEEDS_A_BLOCK = 4
"""Seeds between two looks at the verdicts: a fixed number, so that runs depend on nothing else, and
large enough that workers seldom wait for the last runs of a block."""


class BlockScheduler:
    """Hands out the trials of a block in order; the next block follows when all have ended.

    What a block contains depends on the results of complete blocks only, and therefore neither on
    the number of workers nor on the order in which runs end. It stops no run.
    """

    def __init__(
        self,
        next_block: Callable[[Mapping[str, Result]], Sequence[Trial]],
        conclude: Callable[[Trial, Sequence[Result]], TrialEnd] = TrialEnd.of,
    ) -> None:
        """Take the source of blocks.

        Args:
            next_block: returns the next block, given the results so far by run_id; an empty one
                after the last. Called once for each block.
            conclude: returns how a trial ended, from the results of its runs.
        """
        self._next_block = next_block
        self._conclude = conclude
        self._results: dict[str, Result] = {}
        self._waiting: deque[Trial] = deque()
        self._open = 0
        self._is_over = False

    def ask(self) -> Trial | None:
        """Return the next trial of the block; None at the end of a block, until it has ended."""
        if not self._waiting and not self._open and not self._is_over:
            self._waiting.extend(self._next_block(self._results))
            self._is_over = not self._waiting
        if not self._waiting:
            return None
        self._open += 1
        return self._waiting.popleft()

    def report(self, trial: Trial, progress: Progress) -> bool:
        """Return True: every run continues to its end."""
        del trial, progress
        return True

    def end(self, trial: Trial, result: Result) -> bool:
        """Return True: the other runs continue."""
        del trial, result
        return True

    def tell(self, trial: Trial, results: Sequence[Result]) -> TrialEnd:
        """Return how the trial ended."""
        self._open -= 1
        self._results |= {result.run_id: result for result in results}
        return self._conclude(trial, results)
