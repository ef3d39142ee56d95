"""A report in GitHub's Markdown, for a repository or an issue: without pictures or HTML."""

import re
from collections.abc import Iterator

from signs_sweep.reporting.content import ExperimentReport, Report
from signs_sweep.reporting.tables import Table, tables_of

_SPECIAL = re.compile(r"[\\`*\[\]<>|~$]|&(?=[#A-Za-z])|(?<!\S)#|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
"""Characters that mean something anywhere; an underscore in a word and a lone & do not."""

_START = re.compile(r"^(\d+(?=[.)])|(?=[+=-]))")
"""What needs a backslash after it, so that a paragraph does not start as a list or a rule."""


def to_markdown(report: Report) -> str:
    """Return the report as GitHub-flavoured Markdown."""
    names = ", ".join(experiment.name for experiment in report.experiments)
    blocks = [f"# Report on {_escaped(names)}"]
    for experiment in report.experiments:
        blocks += _experiment(experiment)
    blocks.append(
        f"Made by signs-sweep {_escaped(report.version)} on {report.made:%Y-%m-%d %H:%M %Z} from "
        f"{_escaped(report.store)}."
    )
    return "\n\n".join(blocks) + "\n"


def _experiment(experiment: ExperimentReport) -> Iterator[str]:
    yield f"## {_escaped(experiment.name)}"
    if experiment.question:
        yield f"*{_escaped(experiment.question)}*"
    texts = [experiment.headline, experiment.answer]
    yield from map(_paragraph, filter(None, texts) if any(texts) else ["There are no results yet."])
    sentences = [*experiment.conditions, *experiment.notes]
    if sentences:
        yield "\n".join(f"- {_paragraph(sentence)}" for sentence in sentences)
    for table in tables_of(experiment):
        yield f"### {_escaped(table.title)}"
        yield _table(table)
        notes = [
            *(
                f"- {_escaped(each.title)}: {_escaped(each.note)}"
                for each in table.columns
                if each.note
            ),
            *(f"- {_paragraph(note)}" for note in table.notes),
        ]
        if notes:
            yield "\n".join(notes)
    if experiment.search is not None and experiment.search.text:
        yield "### The search in full"
        yield from map(_paragraph, experiment.search.text.split("\n\n"))
    if experiment.commands or experiment.spec:
        yield "### How to reproduce it"
    if experiment.commands:
        commands = [f"# {_line(each.name)}\n{each.value}" for each in experiment.commands]
        yield _code("sh", "\n".join(commands))
    if experiment.spec:
        yield _code("yaml", experiment.spec)


def _table(table: Table) -> str:
    titles = [each.title for each in table.columns]
    rules = ["---:" if each.is_number else "---" for each in table.columns]
    rows = [[_escaped(cell) for cell in row] for row in (titles, *table.rows)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (rows[0], rules, *rows[1:]))


def _line(text: str) -> str:
    return " ".join(text.split())


def _escaped(text: str) -> str:
    """Return a text on a single line, in which no character has a meaning."""
    return _SPECIAL.sub(r"\\\g<0>", _line(text))


def _paragraph(text: str) -> str:
    """Return a text that is a paragraph, whatever it starts with."""
    return _START.sub(r"\1\\", _escaped(text))


def _code(language: str, text: str) -> str:
    """Return a block of code, whatever is in it."""
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"
