"""What `search` prints before, during and after the search."""

import sys
from dataclasses import replace
from pathlib import Path

from signs_sweep.cli.headlines import TrialCount
from signs_sweep.cli.notes import leftovers_line, memory_lines
from signs_sweep.cli.output import check_writable, exit_code, say, show_commands, write
from signs_sweep.cli.progress import watching
from signs_sweep.cli.streams import has_cursor, width_of
from signs_sweep.cli.text import columns, fill, joined
from signs_sweep.commands.options import SharedOptions
from signs_sweep.domain.formats import count, duration
from signs_sweep.project.databases import shown
from signs_sweep.searching.execution import Searching
from signs_sweep.searching.outcome import SearchOutcome
from signs_sweep.searching.tables import OF_THE_RACE, race_cells, trial_cells
from signs_sweep.searching.words import best_spec, left_out, sentences


def run_search(
    searching: Searching, spec: Path, output: Path | None, shared: SharedOptions, *, quiet: bool
) -> int:
    """Carry out a search and show its progress and results; return the exit code.

    Args:
        searching: the search.
        spec: its spec file.
        output: where to write the best trial as a spec, if anywhere.
        shared: the options of the command.
        quiet: whether to show only results and errors.
    """
    if output is not None:
        check_writable(output, [spec])
    if not quiet:
        say(*_header(searching))
    search = searching.search
    trials = TrialCount(
        searching.total, search.timeout, searching.ends, maximize=search.objective.maximize
    )
    with watching(
        None if quiet else trials,
        workers=1 if searching.options.is_cluster else max(len(searching.devices), 1),
        is_live=has_cursor(sys.stderr),
    ) as listener:
        outcome = searching.execute(listener)
    width = width_of(sys.stdout)
    names = [dimension.name for dimension in outcome.search.space]
    print("\n".join(columns(trial_cells(outcome).items(), width, last=names[::-1])))
    print()
    if raced := race_cells(outcome):
        print(OF_THE_RACE)
        print("\n".join(columns(raced.items(), width)))
        print()
    print("\n".join(fill(sentence, width) for sentence in sentences(outcome)))
    if output is not None and outcome.winner is not None and not outcome.was_interrupted:
        write(best_spec(outcome, output.absolute().parent), output)
    if outcome.unwritten:
        say(f"warning: {outcome.unwritten}")
    if not quiet:
        _show_end(outcome, searching, spec, output, shared)
    if wrong := searching.log_report(outcome, shared):
        say(f"warning: {wrong}")
    return exit_code(outcome.state, outcome.unwritten)


def _header(searching: Searching) -> list[str]:
    """Return lines on the search, its study and the trials of earlier invocations."""
    experiment, search = searching.experiment, searching.search
    seeds = count(len(experiment.seeds), "seed")
    if search.replicates is not None and search.replicates.at_least < search.replicates.at_most:
        seeds = f"{search.replicates.at_least:,} to {seeds}"
    parts = [
        experiment.name,
        f"{count(searching.total, 'trial')} of {seeds}",
        f"{search.sampler.name}, pruner {search.pruner.name}",
        f"data: {searching.prepared.datasets[experiment.name].describe()}",
        f"study: {shown(searching.storage)}",
    ]
    lines = [*leftovers_line(searching.leftovers), joined(parts, width_of(sys.stderr))]
    lines += left_out(searching.own.left_out())
    done = searching.total - searching.left
    if done and searching.left:
        lines.append(f"done before: {count(done, 'trial')}; {searching.left:,} left")
    if searching.recovered:
        many = count(searching.recovered, "trial")
        lines.append(f"asked again: {many} that had begun when the last process ended")
    return lines + memory_lines(len(searching.devices), searching.scarce)


def _show_end(
    outcome: SearchOutcome,
    searching: Searching,
    spec: Path,
    output: Path | None,
    shared: SharedOptions,
) -> None:
    if outcome.was_interrupted:
        say("interrupted: the same command resumes the search.")
        return
    sharing = searching.store.sharing.arguments
    commands = [("look", shared.command("ui", spec)), ("report", shared.command("report", spec))]
    if outcome.was_done:
        made = sum(outcome.counts.values())
        text = f"this search has {count(made, 'trial')} and is finished"
        if searching.search.sampler.name == "grid" and searching.total < searching.search.trials:
            text += ": that is the whole grid"
        else:
            more = shared.command("search", spec, "--trials", str(made + 30), *sharing)
            commands.append(("30 trials more", more))
    else:
        text = f"searched in {duration(outcome.seconds)}"
        if outcome.seconds_per_ask is not None:
            text += f", {1000 * outcome.seconds_per_ask:.0f} ms per proposal"
    say(f"{text}.")
    if outcome.winner is not None and output is None:
        # Without a number of trials, a search that was shortened would continue.
        trials, written = searching.search.trials, searching.experiment.search.trials
        total = [] if trials == written else ["--trials", str(trials)]
        best = shared.command("search", spec, *total, "-o", "best.yaml", *sharing)
        commands.append(("best as a spec", best))
    elif outcome.winner is not None and output is not None:
        without = replace(shared, overrides=())  # The spec that was written has them.
        commands.append(("train the best", without.command("run", output, *sharing)))
    show_commands(commands)
