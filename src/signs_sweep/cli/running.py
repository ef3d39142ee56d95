"""What `run` prints, before, meanwhile and after."""

import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from signs_sweep.cli.disk import disk_lines
from signs_sweep.cli.output import leftovers_line, say, say_notices
from signs_sweep.cli.progress import LiveProgress, PlainProgress, Titles
from signs_sweep.cli.tables import outcome_lines
from signs_sweep.cli.text import count, duration
from signs_sweep.outcome import Outcome
from signs_sweep.records import State
from signs_sweep.running import Running

_EXIT_CODES = {State.FINISHED: 0, State.FAILED: 1, State.KILLED: 130}


def run_specs(running: Running, specs: Sequence[Path], *, quiet: bool) -> int:
    """Carry out a plan while showing how it goes; return the exit code."""
    if not quiet:
        say(*_header(running))
    progress = _progress(running, quiet=quiet)
    with progress as watcher:
        outcome = running.execute(say_notices if watcher is None else watcher.hear)
    print("\n".join(_results(outcome)))
    for failure in outcome.failures:
        title = Titles.of(outcome.plan, {}).names[failure.run_id]
        print(f"failed: {title}: {failure.message}", file=sys.stderr)
    if outcome.unwritten:
        say(f"warning: {outcome.unwritten}")
    if not quiet:
        say(_footer(outcome, specs))
    code = _EXIT_CODES[outcome.state]
    return code or int(outcome.unwritten is not None)


def _progress(
    running: Running, *, quiet: bool
) -> AbstractContextManager[LiveProgress | PlainProgress | None]:
    plan = running.prepared.plan
    to_train = len(plan.runs) - len(running.known)
    if quiet or not to_train:
        return nullcontext()
    titles = Titles.of(plan, running.known)
    if sys.stderr.isatty():
        return LiveProgress(titles, workers=min(max(running.workers, 1), to_train))
    return PlainProgress(titles)


def _header(running: Running) -> list[str]:
    """Return a line per experiment, and a remark where photos were expected and not found."""
    plan, datasets = running.prepared.plan, running.prepared.datasets
    lines = leftovers_line(running.leftovers)
    for part in plan.parts:
        experiment, runs = part.experiment, [run.run_id for _, run in part.runs]
        cached = sum(run_id in running.known for run_id in runs)
        lines.append(
            f"{experiment.name}   {count(len(runs), 'run')}, {cached} cached   "
            f"data: {datasets[experiment.name].describe()}"
        )
    lines += disk_lines(running.store.disk_need(running.prepared, running.known))
    if any(
        part.experiment.data == "signs" and datasets[part.experiment.name].drawn
        for part in plan.parts
    ):
        lines.append(
            "note: no photos were found, so the built-in drawn images are used. Put train_signs.h5 "
            "and test_signs.h5 into data/, or name their folder with --data or SIGNS_DATA."
        )
    return lines


def _results(outcome: Outcome) -> list[str]:
    return outcome_lines(outcome.table, outcome.cached)


def _footer(outcome: Outcome, specs: Sequence[Path]) -> str:
    names = " ".join(map(str, specs))
    ended = [one for one in outcome.results.values() if one.state.is_finished]
    if outcome.was_interrupted:
        return (
            f"interrupted: {len(ended)} of {count(len(outcome.plan.runs), 'run')} finished. "
            "The same command trains the others."
        )
    time = duration(outcome.seconds)
    return (
        f"{count(len(outcome.plan.runs), 'run')} in {time}.   Look: signs-sweep ui   "
        f"Compare: signs-sweep compare {names}"
    )
