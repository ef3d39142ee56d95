"""What `run` prints before, during and after training."""

import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from signs_sweep.analysis.conditions import describe_conditions
from signs_sweep.analysis.remarks import kind_lines, outdated_lines, test_set_lines
from signs_sweep.cli.headlines import EpochCount
from signs_sweep.cli.notes import (
    disk_lines,
    known_text,
    leftovers_line,
    memory_lines,
)
from signs_sweep.cli.output import exit_code, say, show_commands
from signs_sweep.cli.progress import watching
from signs_sweep.cli.streams import has_cursor, width_of
from signs_sweep.cli.tables import outcome_text
from signs_sweep.cli.text import fill, joined
from signs_sweep.commands.options import SharedOptions
from signs_sweep.commands.outcome import Outcome, refusals_of
from signs_sweep.commands.running import Running
from signs_sweep.commands.store import Store
from signs_sweep.commands.words import answer_lines, ending_lines, failure_lines
from signs_sweep.domain.formats import count, duration
from signs_sweep.errors import StoreError


def run_specs(
    running: Running, specs: Sequence[Path], shared: SharedOptions, *, quiet: bool
) -> int:
    """Carry out a plan and show its progress and results; return the exit code.

    Args:
        running: the plan.
        specs: its spec files.
        shared: the options of the command.
        quiet: whether to show only results and errors.
    """
    if not quiet:
        say(*_header(running))
    plan, known = running.prepared.plan, running.known
    needed = running.outlook.most.runs.items()
    to_train = [run for run_id, run in needed if run_id not in known]
    epochs = sum(run.parameters.epochs for run in to_train)
    is_limit = any(part.experiment.growth for part in plan.parts)
    is_limit |= any(run.early_stopping for run in to_train)
    with watching(
        None if quiet or not to_train else EpochCount(epochs, is_limit=is_limit),
        workers=1
        if running.options.is_cluster
        else min(max(len(running.devices), 1), len(to_train)),
        is_live=has_cursor(sys.stderr),
        is_prefixed=len(plan.parts) > 1,
    ) as listener:
        outcome = running.execute(listener)
    sys.stdout.write(_results(outcome, running.store))
    say(*failure_lines(outcome))
    if not quiet:
        _show_end(outcome, specs, shared)
    if wrong := running.log_report(outcome, shared):
        say(f"warning: {wrong}")
    return exit_code(outcome.state, outcome.unwritten)


def _header(running: Running) -> list[str]:
    """Return a line per experiment, and notes on the runs, the disk and missing photos."""
    plan, datasets = running.prepared.plan, running.prepared.datasets
    lines = leftovers_line(running.leftovers)
    for part in plan.parts:
        runs = [run.run_id for _, run in part.runs]
        known = [running.known[run_id] for run_id in runs if run_id in running.known]
        parts = [
            part.experiment.name,
            f"{part.amount}, {known_text(known)}",
            f"data: {datasets[part.experiment.name].describe()}",
        ]
        lines.append(joined(parts, width_of(sys.stderr)))
    lines += [f"note: {line}" for line in outdated_lines(running.older.values())]
    if not running.outlook.is_settled:
        lines += [f"note: {line}" for line in refusals_of(*plan.parts)]
    lines += disk_lines(running.store.disk_need(running.prepared, running.known))
    lines += memory_lines(len(running.devices), running.scarce)
    if any(
        part.experiment.data == "signs" and datasets[part.experiment.name].drawn
        for part in plan.parts
    ):
        lines.append(
            "note: no photos were found, so the built-in drawn images are used. Put train_signs.h5 "
            "and test_signs.h5 into data/, or name their folder with --data or SIGNS_DATA."
        )
    return lines


def _results(outcome: Outcome, store: Store) -> str:
    """Return the tables and the answers."""
    width = width_of(sys.stdout)
    sentences = describe_conditions(outcome.rows) + answer_lines(outcome)
    sentences += kind_lines(outcome.rows)
    if outcome.unwritten is None:  # Otherwise the store does not answer.
        with suppress(StoreError):
            sentences += test_set_lines(outcome.verdicts, outcome.rows, store.index.tested)
    text = "".join(f"{fill(sentence, width)}\n" for sentence in sentences)
    return outcome_text(outcome, width) + ("\n" + text if text else "")


def _show_end(outcome: Outcome, specs: Sequence[Path], shared: SharedOptions) -> None:
    if outcome.was_interrupted:
        say(*ending_lines(outcome))
        return
    say(f"{count(len(outcome.plan.runs), 'run')} in {duration(outcome.seconds)}")
    say(*ending_lines(outcome))
    commands = [("look", shared.command("ui", spec)) for spec in specs]
    others = [(name, shared.command(name, *specs)) for name in ("compare", "report")]
    show_commands([*commands, *others])
