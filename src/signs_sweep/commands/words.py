"""The outcome of a sweep as text, for the terminal and for a notebook."""

from signs_sweep.commands.outcome import Outcome
from signs_sweep.domain.formats import count


def answer_lines(outcome: Outcome) -> list[str]:
    """Return the answer of each experiment; with several answers, after its name."""
    if len(outcome.answers) < 2:
        return list(outcome.answers.values())
    return [f"{name}: {answer}" for name, answer in outcome.answers.items()]


def failure_lines(outcome: Outcome) -> list[str]:
    """Return which runs failed and why, and what the store did not accept."""
    lines = [
        f"failed: {outcome.plan.title(failure.run_id)}: {failure.message}"
        for failure in outcome.failures
    ]
    return lines + ([f"warning: {outcome.unwritten}"] if outcome.unwritten else [])


def ending_lines(outcome: Outcome) -> list[str]:
    """Return why it ended before all of its runs were finished, if it did."""
    if outcome.was_interrupted:
        finished = sum(result.state.is_finished for result in outcome.results.values())
        runs = count(len(outcome.plan.runs), "run")
        return [f"interrupted: {finished} of {runs} finished. The same command trains the others."]
    if outcome.is_out_of_time:
        return ["The budget is used up. The same command without a budget trains further seeds."]
    return []
