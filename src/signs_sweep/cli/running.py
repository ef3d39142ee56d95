"""What `run` prints, before, meanwhile and after."""

import sys
from collections.abc import Sequence
from pathlib import Path

from signs_sweep.analysis.settings import replicated
from signs_sweep.analysis.table import build_settings
from signs_sweep.cli.disk import disk_lines
from signs_sweep.cli.headlines import EpochCount
from signs_sweep.cli.output import leftovers_line, say, show_commands
from signs_sweep.cli.progress import watching
from signs_sweep.cli.streams import has_cursor, width_of
from signs_sweep.cli.tables import outcome_lines, settings_lines
from signs_sweep.cli.text import count, duration, fill, joined
from signs_sweep.cli.versions import anew_lines
from signs_sweep.commands.options import Given
from signs_sweep.commands.outcome import Outcome
from signs_sweep.commands.running import Running
from signs_sweep.domain import State

_EXIT_CODES = {State.FINISHED: 0, State.FAILED: 1, State.KILLED: 130}


def run_specs(running: Running, specs: Sequence[Path], given: Given, *, quiet: bool) -> int:
    """Carry out a plan while showing how it goes; return the exit code.

    Args:
        running: the plan.
        specs: where it comes from.
        given: the options of the command.
        quiet: whether to show nothing but results and errors.
    """
    if not quiet:
        print("\n".join(_header(running)), file=sys.stderr)
    plan, known = running.prepared.plan, running.known
    to_train = [run.parameters.epochs for run_id, run in plan.runs.items() if run_id not in known]
    with watching(
        None if quiet or not to_train else EpochCount(sum(to_train)),
        workers=min(max(running.workers, 1), len(to_train)),
        is_live=has_cursor(sys.stderr),
        is_prefixed=len(plan.parts) > 1,
    ) as hear:
        outcome = running.execute(hear)
    print("\n".join(_results(outcome)))
    for failure in outcome.failures:
        say(f"failed: {plan.title(failure.run_id)}: {failure.message}")
    if outcome.unwritten:
        say(f"warning: {outcome.unwritten}")
    if not quiet:
        _show_end(outcome, specs, given)
    code = _EXIT_CODES[outcome.state]
    return code or int(outcome.unwritten is not None)


def _header(running: Running) -> list[str]:
    """Return a line per experiment, and a remark where photos were expected and not found."""
    plan, datasets = running.prepared.plan, running.prepared.datasets
    width = width_of(sys.stderr)
    lines = leftovers_line(running.leftovers)
    for part in plan.parts:
        experiment, runs = part.experiment, [run.run_id for _, run in part.runs]
        cached = sum(run_id in running.known for run_id in runs)
        parts = [
            experiment.name,
            f"{count(len(runs), 'run')}, {cached} cached",
            f"data: {datasets[experiment.name].describe()}",
        ]
        lines.append(joined(parts, width))
    lines += [fill(f"note: {line}", width) for line in anew_lines(running.older.values())]
    lines += [
        fill(line, width)
        for line in disk_lines(running.store.disk_need(running.prepared, running.known))
    ]
    if any(
        part.experiment.data == "signs" and datasets[part.experiment.name].drawn
        for part in plan.parts
    ):
        note = (
            "note: no photos were found, so the built-in drawn images are used. Put train_signs.h5 "
            "and test_signs.h5 into data/, or name their folder with --data or SIGNS_DATA."
        )
        lines.append(fill(note, width))
    return lines


def _results(outcome: Outcome) -> list[str]:
    """Return the table of runs, that of settings with several seeds, and the answer."""
    width = width_of(sys.stdout)
    lines = outcome_lines(outcome.table, outcome.cached, width)
    if several := replicated(outcome.rows):
        lines += ["", "means over seeds", *settings_lines(build_settings(several), width)]
    lines += ["", *_guessing(outcome, width)]
    has_names = len(outcome.answers) > 1
    for name, answer in outcome.answers.items():
        lines.append(fill(f"{name}: {answer}" if has_names else answer, width))
    return lines[:-1] if not lines[-1] else lines


def _guessing(outcome: Outcome, width: int | None) -> list[str]:
    """Return a sentence on runs that have learned nothing, if there are any."""
    results = [outcome.results.get(run_id) for run_id in outcome.plan.runs]
    found = [one for one in results if one is not None and one.guessing_since is not None]
    if not found:
        return []
    which = f"{len(found)} of {count(len(results), 'run')} learned nothing"
    text = (
        f"{which}: the network gives every image the same class, as it does when its hidden units "
        "are all dead. Try a smaller learning_rate, or other seeds."
    )
    return [fill(text, width)]


def _show_end(outcome: Outcome, specs: Sequence[Path], given: Given) -> None:
    ended = [one for one in outcome.results.values() if one.state.is_finished]
    runs = count(len(outcome.plan.runs), "run")
    if outcome.was_interrupted:
        say(f"interrupted: {len(ended)} of {runs} finished. The same command trains the others.")
        return
    say(f"{runs} in {duration(outcome.seconds)}")
    commands = [("look", given.command("ui", spec)) for spec in specs]
    show_commands([*commands, ("compare", given.command("compare", *specs))])
