"""What `search` prints, before, meanwhile and after."""

import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from signs_sweep.cli.output import check_writable, leftovers_line, say, say_notices, write
from signs_sweep.cli.search_progress import LiveSearch, PlainSearch, SearchState
from signs_sweep.cli.text import columns, count, duration, measure, number
from signs_sweep.records import State
from signs_sweep.searching import Searching, SearchOutcome, best_spec, left_out, sentences
from signs_sweep.studies import shown_storage

_EXIT_CODES = {State.FINISHED: 0, State.FAILED: 1, State.KILLED: 130}
_SHOWN = 10
"""Trials in the table at the end: the best ones."""


def run_search(searching: Searching, spec: Path, output: Path | None, *, quiet: bool) -> int:
    """Carry out a search while showing how it goes; return the exit code."""
    if output is not None:
        check_writable(output)
    if not quiet:
        say(*_header(searching))
    with _progress(searching, quiet=quiet) as watcher:
        outcome = searching.execute(say_notices if watcher is None else watcher.hear)
    print("\n".join(table_lines(outcome)))
    print()
    print("\n".join(sentences(outcome)))
    if output is not None and outcome.winner is not None and not outcome.was_interrupted:
        write(best_spec(outcome, output.absolute().parent), output)
    if outcome.unwritten:
        say(f"warning: {outcome.unwritten}")
    if not quiet:
        say(_footer(outcome, searching, spec, output))
    return _EXIT_CODES[outcome.state] or int(outcome.unwritten is not None)


def table_lines(outcome: SearchOutcome) -> list[str]:
    """Return the best trials as a table."""
    done = [one for one in outcome.trials if one.value is not None]
    sign = -1 if outcome.search.objective.maximize else 1
    best = sorted(done, key=lambda one: (sign * (one.value or 0), one.number))[:_SHOWN]
    names = [dimension.name for dimension in outcome.search.space]
    rows = [
        [str(one.number), measure(one.value), *(_cell(one.params.get(name)) for name in names)]
        for one in best
    ]
    return columns(["trial", outcome.search.objective.metric, *names], rows)


def _cell(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else number(value)


def _progress(
    searching: Searching, *, quiet: bool
) -> AbstractContextManager[LiveSearch | PlainSearch | None]:
    if quiet:
        return nullcontext()
    state = SearchState(searching.total, searching.search.timeout)
    if sys.stderr.isatty():
        return LiveSearch(state, workers=max(len(searching.devices), 1))
    return PlainSearch(state)


def _header(searching: Searching) -> list[str]:
    """Return what is searched, and what is there already."""
    experiment, search = searching.experiment, searching.search
    dataset = searching.prepared.datasets[experiment.name]
    replicates = count(len(experiment.seeds), "seed")
    what = f"{experiment.name}   {count(searching.total, 'trial')} of {replicates}   "
    what += f"{search.sampler.name}, pruner {search.pruner.name}   data: {dataset.describe()}"
    lines = leftovers_line(searching.leftovers)
    lines.append(f"{what}   study: {shown_storage(searching.storage)}")
    lines += left_out(searching.own.left_out())
    done = searching.total - searching.left
    if done and searching.left:
        lines.append(f"done before: {count(done, 'trial')}; {searching.left:,} left")
    if searching.recovered:
        many = count(searching.recovered, "trial")
        lines.append(f"asked again: {many} that had begun when the last process ended")
    return lines


def _footer(outcome: SearchOutcome, searching: Searching, spec: Path, output: Path | None) -> str:
    if outcome.was_interrupted:
        return "interrupted: the same command goes on."
    if outcome.was_done:
        made = sum(outcome.counts.values())
        words = f"this search has {count(made, 'trial')} and is finished"
        if searching.search.sampler.name == "grid" and searching.total < searching.search.trials:
            return f"{words}: that is the whole grid."
        return f"{words}; --trials {made + 30} adds 30."
    words = f"searched in {duration(outcome.seconds)}"
    if outcome.seconds_per_ask is not None:
        words += f", {1000 * outcome.seconds_per_ask:.0f} ms a proposal"
    if outcome.winner is None:
        return f"{words}.   Look: signs-sweep ui"
    if output is None:
        return f"{words}.   Look: signs-sweep ui   Best as a spec: search {spec} -o best.yaml"
    return f"{words}.   Look: signs-sweep ui   Train the best: signs-sweep run {output}"
