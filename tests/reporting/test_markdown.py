"""A report in Markdown."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import pairwise

import examples
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from signs_sweep.reporting.content import Fact, Report
from signs_sweep.reporting.markdown import to_markdown

# Printable text; a parser replaces or strips what is not.
NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]) | st.just(" "))
AWKWARD = st.lists(st.sampled_from([*"\\`*_{}[]()#+-.!|<>&~$=:\n 1a", "&amp;", "--", "__"]))
TEXTS = (NAMES | AWKWARD.map("".join) | st.sampled_from(examples.HOSTILE)).filter(str.strip)


def parsed(text: str) -> list[tuple[str, str]]:
    """Return the texts of a page with the kinds of their blocks, without marks of emphasis."""
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)
    return list(_texts(tokens))


def _texts(tokens: list) -> Iterator[tuple[str, str]]:
    for opening, token in pairwise(tokens):
        if token.type == "inline":
            yield opening.tag, "".join(child.content for child in token.children)
        elif token.type in {"fence", "html_block"}:
            yield token.type, token.content


def on_a_line(text: str) -> str:
    return " ".join(text.split())


@settings(deadline=None)
@given(TEXTS)
def test_every_text_survives(text: str) -> None:
    (experiment,) = examples.empty_report().experiments[1:]
    report = examples.report(
        replace(
            experiment,
            name=text,
            question="",
            headline=text,
            answer=text,
            notes=(text,),
            base=(Fact(text, text),),
            data=(),
            environment=(),
            spec=text + "\n",
        )
    )
    page = parsed(to_markdown(report))
    line = on_a_line(text)
    assert [content for tag, content in page if tag == "h2"] == [line]
    assert [content for tag, content in page if tag == "td"] == [line, line]
    assert [content for tag, content in page if tag == "p"][:2] == [line, line]


@pytest.mark.parametrize(
    "make", [examples.hostile_report, examples.empty_report, partial(examples.report_of, 200, 1)]
)
def test_no_page_has_html(make: Callable[[], Report]) -> None:
    tokens = MarkdownIt("commonmark").enable("table").parse(to_markdown(make()))
    kinds = {child.type for token in tokens for child in [token, *(token.children or [])]}
    assert not kinds & {"html_block", "html_inline", "image", "link_open"}


def test_the_table_has_the_numbers_of_the_report() -> None:
    report = examples.small_report()
    (experiment,) = report.experiments
    page = to_markdown(report)
    table = page.partition("accuracy by setting")[2].partition("###")[0]
    for each in experiment.settings:
        (line,) = re.findall(rf"^\| {each.name} \| [0-9].*$", table, re.MULTILINE)
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        assert cells[1] == f"{each.mean:.4f} \u00b1 {each.deviation:.4f}"
        assert cells[2] == str(len(each.scores))
        if each.verdict is not None:
            assert cells[3] == f"{each.verdict.difference:+.4f}"
            assert cells[5] == each.verdict.text
        if each.verdict is not None and each.verdict.low is not None:
            assert cells[4] == f"{each.verdict.low:+.4f} to {each.verdict.high:+.4f}"
    assert experiment.headline in page
    assert experiment.answer in page


def test_the_outcome_of_a_search_stands_instead_of_an_answer() -> None:
    (experiment,) = examples.search_report().experiments
    page = to_markdown(examples.report(replace(experiment, answer=None)))
    assert experiment.search.text in page


def test_every_interval_has_a_note_on_what_it_covers() -> None:
    notes = [text for tag, text in parsed(to_markdown(examples.small_report())) if tag == "p"]
    (of_verdicts,) = [note for note in notes if note.startswith("interval: ")]
    assert "95 % confidence sequence" in of_verdicts
    assert "a single comparison, valid however often" in of_verdicts
    (of_effects,) = [note for note in notes if note.startswith("95 % interval: ")]
    assert "paired t-test" in of_effects
    assert "valid for a single look and a single comparison" in of_effects


def test_what_held_comes_before_the_results_and_the_whole_search_after_them() -> None:
    page = to_markdown(examples.search_report())
    held, results = page.index("of the winner and the default"), page.index("accuracy by setting")
    assert held < results < page.index("The search in full") < page.index("How to reproduce it")
