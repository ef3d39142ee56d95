"""A report in LaTeX, compiled where there is a TeX."""

import re
import shutil
import string
import subprocess
from dataclasses import replace
from itertools import product
from pathlib import Path

import examples
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signs_sweep.domain import Answers, Row
from signs_sweep.reporting.content import Fact, Report
from signs_sweep.reporting.latex import to_latex

COMMANDS = {
    r"\textbackslash{}": "\\",
    r"\textasciitilde{}": "~",
    r"\textasciicircum{}": "^",
    r"\textasciigrave{}": "`",
    r"\textless{}": "<",
    r"\textgreater{}": ">",
    r"\textbar{}": "|",
    r"\symbol{34}": '"',
    r"\allowbreak{}": "",
    "{[}": "[",
    "{*}": "*",
    "{}": "",
    **{f"\\{character}": character for character in "{}$&#%_"},
}
"""What a reader sees of the escapes of ASCII."""

READ = re.compile(
    "|".join(
        [
            *map(re.escape, COMMANDS),
            r"\\signscharacter\{([0-9A-F]+)\}\{(.?)\}",
            r"[^\\{}$&#%_~^\[*]",
        ]
    )
)
"""A command, or a character without a meaning."""


def seen(source: str) -> str:
    """Return the text that TeX sets. It is an error if anything but the commands has a meaning."""
    shown, end = [], 0
    for match in READ.finditer(source):
        assert match.start() == end, source[end:]
        end = match.end()
        number = match.group(1)
        shown.append(chr(int(number, 16)) if number else COMMANDS.get(match[0], match[0]))
    assert end == len(source), source[end:]
    return "".join(shown)


def with_name(name: str) -> Report:
    (experiment,) = examples.empty_report().experiments[1:]
    facts = {"base": (Fact(name, "x"),), "data": (), "environment": ()}
    return examples.report(replace(experiment, **facts))


PICTOGRAMS = "\u4e2d\u6587\U0001f600\u2028\ufffe"
TEXTS = st.text(string.printable + PICTOGRAMS).filter(
    lambda text: text.isprintable() and text.strip()
)


@settings(deadline=None, max_examples=50)
@given(TEXTS | st.sampled_from([each for each in examples.HOSTILE if each.isascii()]))
def test_every_text_survives_and_nothing_in_it_has_a_meaning(text: str) -> None:
    (cell,) = re.findall(r"^(.*) & x \\\\$", to_latex(with_name(text)), re.MULTILINE)
    assert seen(cell) == " ".join(text.split())


@settings(deadline=None)
@given(st.text().filter(str.strip))
def test_the_source_is_balanced_and_ascii_but_for_characters_that_are_replaced(text: str) -> None:
    source = to_latex(with_name(text))
    bare = re.sub(r"\\[{}]", "", re.sub(r"(\\signscharacter\{[0-9A-F]+\})\{.\}", r"\1", source))
    assert bare.isascii()
    assert bare.count("{") == bare.count("}")


def test_the_table_has_the_numbers_of_the_report_and_notes_on_its_intervals() -> None:
    report = examples.small_report()
    source = to_latex(report)
    best = next(each for each in report.experiments[0].settings if each.is_best)
    verdict = best.verdict
    line = (
        rf"{best.name} & {best.mean:.4f} $\pm$ {best.deviation:.4f} & {len(best.scores)} & "
        rf"+{verdict.difference:.4f} & +{verdict.low:.4f} to +{verdict.high:.4f} & better \\"
    )
    assert line in source
    head = next(row for row in source.splitlines() if row.startswith("setting & "))
    marks = dict(re.findall(r"(\w+)\\textsuperscript\{(\w)\}", head))
    source = source.partition(r"\end{table")[0]
    notes = dict(re.findall(r"^\\par.*\\textsuperscript\{(\w)\} (.*)$", source, re.MULTILINE))
    assert "standard deviation over the seeds" in notes[marks["accuracy"]]
    assert "a single comparison, valid however often" in notes[marks["interval"]]
    assert r"95 \% confidence sequence" in notes[marks["interval"]]


def test_a_table_that_is_too_long_says_how_many_rows_are_left_out() -> None:
    source = to_latex(examples.report_of(200, 1))
    table = source.partition("by setting.")[2].partition(r"\end{table")[0]
    shown = len(re.findall(r"^(?:baseline|l2 = .*) & .* \\\\$", table, re.MULTILINE))
    assert shown > 20
    assert f"{200 - shown} more rows are not shown." in table
    assert table.index("baseline & ") < table.index("l2 = ")


def all_sources() -> Report:
    """Return a report with intervals over images, and with two baselines."""
    rows = examples.rows_of(examples.scores_of(4, 12))
    others = {row.run_id: row for row in rows if row.label == "l2 = 0.02"}

    def baseline(row: Row) -> str | None:
        number, _, rest = row.run_id.partition("-")
        other = f"{2:08x}{number[8:]}-{rest}"
        return other if other in others and row.label > "l2 = 0.01" else row.baseline

    def images(row: Row, metric: str) -> Answers:
        positions = np.arange(120)
        return Answers(positions, positions < 120 * row.result.metrics[metric])

    rows = [replace(row, baseline=baseline(row)) for row in rows]
    return examples.report(examples.experiment_of(rows, images=images))


def alphabet() -> Report:
    """Return a report with every pair of special characters, and with the alphabets of Europe."""
    pairs = ["".join(pair) for pair in product(string.punctuation, repeat=2)]
    letters = map(chr, [*range(0xA1, 0x250), *range(0x384, 0x460), *range(0x2010, 0x2270)])
    text = " ".join([*pairs, *letters])
    starts = tuple(Fact(mark, mark) for mark in string.punctuation)
    (experiment,) = with_name("x").experiments
    return examples.report(replace(experiment, answer=text, data=starts, notes=()))


REPORTS = {
    "small": examples.small_report,
    "long": lambda: examples.report_of(200, 1),
    "many-seeds": lambda: examples.report_of(10, 50),
    "search": examples.search_report,
    "empty": examples.empty_report,
    "hostile": examples.hostile_report,
    "sources": all_sources,
    "alphabet": alphabet,
}


def has_tex() -> bool:
    """Whether there is pdflatex, with the package booktabs."""
    if not shutil.which("pdflatex") or not shutil.which("kpsewhich"):
        return False
    return (
        subprocess.run(["kpsewhich", "booktabs.sty"], capture_output=True, check=False).returncode
        == 0
    )


@pytest.mark.slow
@pytest.mark.skipif(not has_tex(), reason="there is no pdflatex with booktabs")
@pytest.mark.parametrize(
    ("columns", "encoding"), [("onecolumn", ""), ("twocolumn", r"\usepackage[T1]{fontenc}")]
)
def test_every_report_compiles_and_fits(columns: str, encoding: str, tmp_path: Path) -> None:
    for name, make in REPORTS.items():
        (tmp_path / f"{name}.tex").write_text(to_latex(make()), encoding="utf-8")
    inputs = "\n".join(rf"\input{{{name}.tex}}\clearpage" for name in REPORTS)
    document = (
        rf"\documentclass[{columns}]{{article}}\usepackage{{booktabs,tabularx}}"
        rf"{encoding}\begin{{document}}\sloppy {inputs} \end{{document}}"
    )
    (tmp_path / "paper.tex").write_text(document, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-draftmode", "paper.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    log = (tmp_path / "paper.log").read_text(encoding="latin-1")
    assert done.returncode == 0, log[-3000:]
    faults = re.findall(
        r"^(?:Overfull|Missing character|LaTeX Font Warning|.*Float too).*", log, re.MULTILINE
    )
    assert not faults
